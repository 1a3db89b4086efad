//! The time until the last of N followers has returned, compared with a broadcast by a condvar.

use std::time::Duration;

use criterion::{Bencher, Criterion, SamplingMode, Throughput};

mod support {
    #[allow(dead_code, reason = "each bench takes its own part")]
    pub(crate) mod herd;
}
use support::herd::{Broadcast, Flight, Herd, Wait, Waking};

fn main() {
    // It takes longer to get all followers to sleep than to wake them, so the rounds are few.
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    last_back(&mut criterion);
    leader_back(&mut criterion);
    criterion.final_summary();
}

fn last_back(criterion: &mut Criterion) {
    for followers in [1, 8, 64, 256, 1024] {
        let name = format!("herd of {followers}, the last is back");
        let mut benches = criterion.benchmark_group(name);
        benches.throughput(Throughput::Elements(followers as u64));
        benches.sampling_mode(SamplingMode::Flat);
        benches.bench_function("floor: broadcast", |bencher| {
            rounds(bencher, &Herd::new(followers, Broadcast::default()), |waking| waking.last);
        });
        benches.bench_function("flight", |bencher| {
            rounds(bencher, &Herd::new(followers, Flight::new()), |waking| waking.last);
        });
    }
}

fn leader_back(criterion: &mut Criterion) {
    let mut benches = criterion.benchmark_group("herd of 1024, the leader is back");
    benches.sampling_mode(SamplingMode::Flat);
    benches.bench_function("floor: broadcast", |bencher| {
        rounds(bencher, &Herd::new(1024, Broadcast::default()), |waking| waking.leader);
    });
    benches.bench_function("flight", |bencher| {
        rounds(bencher, &Herd::new(1024, Flight::new()), |waking| waking.leader);
    });
}

fn rounds<W: Wait>(bencher: &mut Bencher<'_>, herd: &Herd<W>, time: fn(Waking) -> Duration) {
    bencher.iter_custom(|rounds| (0..rounds).map(|_| time(herd.wake())).sum());
}
