//! Panics of code that is not ours: caught, and told as texts.
//!
//! Owns [`quietly`]. Work enters; its result leaves, or the text of its panic.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Set while panics of this thread are caught and become errors.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// A panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Panicked {
    /// its text
    pub text: String,
}

/// Runs `work`; a panic comes back as its text, and is not printed: who catches it reports it.
pub fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                before(panic);
            }
        }));
    });
    let outer = IS_GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(outer);
    done.map_err(|panic| Panicked { text: panic_text(panic.as_ref()) })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_its_text() {
        assert_eq!(quietly(|| 7), Ok(7));
        let bad: usize = "4".parse().unwrap_or_default();
        assert_eq!(quietly(|| assert_eq!(bad, 5, "not five")).map_err(|panic| panic.text.contains("not five")), Err(true));
        assert_eq!(quietly(|| std::panic::panic_any(7)), Err(Panicked { text: "without a text".to_owned() }));
        assert!(!IS_GUARDED.get(), "panics outside are printed again");
    }
}
