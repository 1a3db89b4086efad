//! What else ran while a curve was measured: the processor time of the machine that was not ours.

use std::fs;

/// The processor time that had been used by some instant, in the kernel's ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Used {
    /// By anything, and by anything or nothing: all that there was.
    busy: f64,
    all: f64,
    /// By this process and those that it has waited for.
    own: f64,
}

impl Used {
    /// Nothing where the system does not tell.
    pub(crate) fn now() -> Option<Self> {
        let machine = fs::read_to_string("/proc/stat").ok()?;
        let own = fs::read_to_string("/proc/self/stat").ok()?;
        Self::read(&machine, &own)
    }

    fn read(machine: &str, own: &str) -> Option<Self> {
        let line = machine.lines().next()?.strip_prefix("cpu ")?;
        // user, nice, system, idle, waiting for input, interrupts, soft interrupts, stolen; what
        // follows is in these already.
        let ticks = line.split_whitespace().take(8).map(|field| field.parse().ok());
        let ticks = ticks.collect::<Option<Vec<f64>>>()?;
        let all: f64 = ticks.iter().sum();
        // The name is in parentheses and may contain anything; then come the state and 10 others.
        let own = own.rsplit_once(") ")?.1.split_whitespace().skip(11).take(4);
        let own = own.map(|field| field.parse::<f64>().ok()).sum::<Option<f64>>()?;
        Some(Self { busy: all - ticks.get(3)? - ticks.get(4)?, all, own })
    }

    /// The share of the machine that others have used since then, from 0 to 1.
    pub(crate) fn by_others_since(self, before: Self) -> f64 {
        let others = (self.busy - before.busy) - (self.own - before.own);
        (others / (self.all - before.all)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_used_is_all_that_was_not_idle_and_not_ours() {
        let own = |ticks| format!("7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 20 0 1 0");
        let machine = |busy, idle| format!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1\n");
        let before = Used::read(&machine(100, 900), &own("1 2 3 4")).expect("it is told so");
        let after = Used::read(&machine(150, 950), &own("11 12 13 4")).expect("it is told so");
        assert_eq!((before.own, after.own), (10.0, 40.0));
        assert!((after.by_others_since(before) - 0.2).abs() < 1e-9);
        assert_eq!(Used::read("nothing", "7 (a) S"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_of_its_load() {
        let now = Used::now().expect("Linux tells");
        assert!(now.busy > now.own && now.all >= now.busy, "{now:?}");
    }
}
