//! Runs a model in the checker, counts its executions, and checks the caps and the endings.
//!
//! loom returns without an error when it reaches one of its caps, and a model can pass because the
//! order that it tests never came. Both are failures here.
//!
//! | variable | what it sets | default |
//! |---|---|---|
//! | `COALESCER_BOUND` | preemptions explored: a number, or `none` for no bound where a model can do without and 3 elsewhere | 2 |
//! | `COALESCER_CAP` | seconds after which a model fails | 120 |
//! | `COALESCER_SHUTTLE` | milliseconds that shuttle spends on a model; ten times that until it has seen its endings | 350 |

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A model's name, its endings, and how far it is explored.
pub struct Model {
    name: &'static str,
    endings: Vec<&'static str>,
    is_exhaustive: bool,
    least_bound: usize,
}

/// The endings that have come, each with its number.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Seen {
    /// Notes how one execution of the model ended.
    pub fn note(&self, ending: &'static str) {
        *self.0.lock().expect("no model panics here").entry(ending).or_default() += 1;
    }

    /// Returns true if every ending of the list has come.
    #[cfg(shuttle)]
    fn has_all(&self, endings: &[&'static str]) -> bool {
        let seen = self.0.lock().expect("no model panics here");
        endings.iter().all(|ending| seen.contains_key(ending))
    }

    /// Fails unless every ending of the list has come, and no other. Returns the numbers.
    fn check(&self, model: &str, endings: &[&'static str]) -> String {
        let seen = self.0.lock().expect("no model panics here").clone();
        for ending in endings {
            assert!(seen.contains_key(ending), "model '{model}' never ended with '{ending}'");
        }
        for ending in seen.keys() {
            assert!(endings.contains(ending), "model '{model}' does not list '{ending}'");
        }
        let counts: Vec<_> =
            seen.iter().map(|(ending, count)| format!("{ending} {count}")).collect();
        counts.join(", ")
    }
}

impl Model {
    /// Makes a model that must end in each of these ways, and in no other.
    #[must_use]
    pub fn new(name: &'static str, endings: impl Into<Vec<&'static str>>) -> Self {
        Self { name, endings: endings.into(), is_exhaustive: false, least_bound: 0 }
    }

    /// Lets the model be explored without a bound on preemptions, as it is small enough.
    #[must_use]
    pub fn exhaustive(mut self) -> Self {
        self.is_exhaustive = true;
        self
    }

    /// Sets the least bound: one of the endings takes this number of preemptions.
    #[must_use]
    pub fn needs(mut self, preemptions: usize) -> Self {
        self.least_bound = preemptions;
        self
    }

    /// Runs the model in every order, and fails unless all its endings come.
    ///
    /// # Panics
    ///
    /// If the model fails, if a cap cuts the exploration short, or if an ending does not come.
    pub fn explore(self, model: impl Fn(&Seen) + Send + Sync + 'static) {
        // One model at a time: each execution maps and unmaps its threads' stacks, and two models at a
        // time are slower at that than one after the other.
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let executions = Arc::new(AtomicU64::new(0));
        let seen = Seen::default();
        let start = Instant::now();
        let how_far = self.run(&seen, {
            let (executions, seen) = (Arc::clone(&executions), seen.clone());
            move || {
                executions.fetch_add(1, Ordering::Relaxed);
                model(&seen);
            }
        });
        drop(turn);
        let (took, executions) = (start.elapsed(), executions.load(Ordering::Relaxed));
        let endings = seen.check(self.name, &self.endings);
        report(&format!(
            "{:<42} {how_far:<10} {executions:>8} executions {:>7.2} s  {endings}",
            self.name,
            took.as_secs_f64(),
        ));
    }

    #[cfg(loom)]
    fn run(&self, _: &Seen, model: impl Fn() + Send + Sync + 'static) -> String {
        let bound = self.bound();
        let cap = Duration::from_secs(setting("COALESCER_CAP").unwrap_or(120));
        let mut explorer = loom::model::Builder::new();
        explorer.preemption_bound = bound;
        explorer.max_permutations = None;
        explorer.max_duration = Some(cap);
        // loom checks its caps once in this number of executions.
        explorer.checkpoint_interval = 1000;
        explorer.max_branches = 1_000;
        let start = Instant::now();
        explorer.check(model);
        assert!(start.elapsed() < cap, "model '{}' was cut short by its cap", self.name);
        bound.map_or("exhaustive".into(), |bound| format!("bound {bound}"))
    }

    /// Returns the number of preemptions to explore; `None` means no bound.
    #[cfg(loom)]
    fn bound(&self) -> Option<usize> {
        let wanted = std::env::var("COALESCER_BOUND").unwrap_or_else(|_| "2".into());
        match wanted.parse() {
            Ok(bound) => Some(self.least_bound.max(bound)),
            Err(_) if wanted != "none" => panic!("COALESCER_BOUND is a number or 'none'"),
            Err(_) if self.is_exhaustive => None,
            Err(_) => Some(self.least_bound.max(3)),
        }
    }

    /// Draws random orders, half of the time uniformly and half with few preemptions. On a busy machine
    /// a rare ending can take more than its time.
    #[cfg(shuttle)]
    fn run(&self, seen: &Seen, model: impl Fn() + Send + Sync + 'static) -> String {
        use shuttle::scheduler::{PctScheduler, RandomScheduler};
        let _ = (self.is_exhaustive, self.least_bound);
        let time = Duration::from_millis(setting("COALESCER_SHUTTLE").unwrap_or(350));
        let model = Arc::new(model);
        for _ in 0..10 {
            let mut config = shuttle::Config::new();
            config.max_time = Some(time / 2);
            config.silence_warnings = true;
            let (one, other) = (Arc::clone(&model), Arc::clone(&model));
            let uniform = RandomScheduler::new(usize::MAX);
            shuttle::Runner::new(uniform, config.clone()).run(move || one());
            let few_preemptions = PctScheduler::new(3, usize::MAX);
            shuttle::Runner::new(few_preemptions, config).run(move || other());
            if seen.has_all(&self.endings) {
                break;
            }
        }
        "random".into()
    }
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a whole number")))
}

/// Writes to the terminal directly, as the output of a test is shown only when it fails.
fn report(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
