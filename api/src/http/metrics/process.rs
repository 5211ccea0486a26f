//! Metrics that every process has, under the names that Prometheus's own libraries give them. Read from `/proc`; what can't be read is left out.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::encode::{gauge, seconds_counter};

/// Ticks of a second in which Linux tells times to programs, on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// The metrics of this process.
#[derive(Debug)]
pub(super) struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (stat, status) = (read("/proc/self/stat"), read("/proc/self/status"));
        if let Some(seconds) = cpu_seconds(&stat) {
            seconds_counter(encoder, "process_cpu_seconds", "Processor time of the process, in seconds", seconds)?;
        }
        if let Some(seconds) = start_seconds(&stat, &read("/proc/stat")) {
            gauge(encoder, "process_start_time_seconds", "Start of the process, in seconds since 1970", seconds)?;
        }
        if let Some(bytes) = memory_bytes(&status, "VmRSS:") {
            gauge(encoder, "process_resident_memory_bytes", "Memory of the process", bytes)?;
        }
        if let Some(bytes) = memory_bytes(&status, "VmSize:") {
            gauge(encoder, "process_virtual_memory_bytes", "Address space of the process", bytes)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them reads the folder.
            gauge(encoder, "process_open_fds", "Descriptors that are open", open.count().saturating_sub(1) as f64)?;
        }
        if let Some(most) = fds_max(&read("/proc/self/limits")) {
            gauge(encoder, "process_max_fds", "Descriptors that may be open", most)?;
        }
        Ok(())
    }
}

/// A field of `/proc/self/stat`, counted from 1 as in the manual. The second is the name of the program, which may have spaces.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) / TICKS_PER_SECOND)
}

/// The start: so long after that of the machine.
fn start_seconds(stat: &str, machine: &str) -> Option<f64> {
    let boot: f64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + stat_field(stat, 22)? / TICKS_PER_SECOND)
}

fn memory_bytes(status: &str, name: &str) -> Option<f64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?.trim();
    kibibytes.parse::<f64>().ok().map(|kibibytes| kibibytes * 1024.0)
}

/// The soft limit; infinite where there is none.
fn fds_max(limits: &str) -> Option<f64> {
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?;
    if soft == "unlimited" { Some(f64::INFINITY) } else { soft.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_system_are_read_also_for_a_program_with_a_strange_name() {
        let stat = "12 (a) b) S 1 12 12 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 4 0 700 1000 200 18446744073709551615";
        assert_eq!((cpu_seconds(stat), stat_field(stat, 22)), (Some(3.0), Some(700.0)));
        assert_eq!(start_seconds(stat, "cpu 1 2\nbtime 1000\n"), Some(1007.0));
        assert_eq!(memory_bytes("VmPeak:\t 9 kB\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2_097_152.0));
        let limits = |soft: &str| {
            format!("Limit  Soft Limit\nMax open files            {soft}                 4096                 files\n")
        };
        assert_eq!((fds_max(&limits("1024")), fds_max(&limits("unlimited"))), (Some(1_024.0), Some(f64::INFINITY)));
        assert_eq!((cpu_seconds(""), start_seconds(stat, ""), memory_bytes("", "VmRSS:"), fds_max("")), (None, None, None, None));
    }
}
