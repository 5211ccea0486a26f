//! Progress of a sink, as a text that is stored with its data.

use schemas::chain::HASH_BYTES;

use super::progress::Progress;

/// `timeline:epoch:chain:incarnation:plan:generation`, the timeline and the hashes in hexadecimal.
pub fn write(progress: &Progress) -> String {
    let Progress { timeline, epoch, chain, incarnation, plan, generation } = progress;
    format!("{timeline:x}:{epoch}:{}:{incarnation}:{}:{generation}", hex::encode(chain), hex::encode(plan))
}

/// Reads what [`write`] wrote.
pub fn read(text: &str) -> Option<Progress> {
    let parts: Vec<&str> = text.split(':').collect();
    let [timeline, epoch, chain, incarnation, plan, generation] = parts[..] else { return None };
    Some(Progress {
        timeline: u64::from_str_radix(timeline, 16).ok()?,
        epoch: epoch.parse().ok()?,
        chain: unhex(chain)?,
        incarnation: incarnation.parse().ok()?,
        plan: unhex(plan)?,
        generation: generation.parse().ok()?,
    })
}

/// Reads a hash; `None` for any other length or character.
fn unhex(text: &str) -> Option<[u8; HASH_BYTES]> {
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_survives_its_text() {
        let progress = Progress {
            timeline: 42,
            epoch: 7,
            chain: std::array::from_fn(|place| place as u8),
            incarnation: 3,
            plan: [0xa5; HASH_BYTES],
            generation: 9,
        };
        let text = write(&progress);
        assert_eq!(read(&text), Some(progress));
        for bad in ["", "1:2", &text[3..], &format!("{text}:1"), &text.replace("a5", "zz"), &text.replace("a5", "é")] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
