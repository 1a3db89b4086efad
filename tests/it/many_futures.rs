//! Many async callers of one key: their runs and threads are counted.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use crate::futures::{Number, future};
use crate::jobs::queued;
use crate::support::{lead, watched};

/// The tasks of a runtime with one thread, which are polled when they are woken.
struct Tasks {
    futures: Vec<Number>,
    woken: Receiver<usize>,
    wake: Sender<usize>,
    ready: usize,
    polls: usize,
}

struct Task(usize, Sender<usize>, Arc<Mutex<HashSet<ThreadId>>>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.2.lock().unwrap().insert(thread::current().id());
        self.1.send(self.0).unwrap();
    }
}

impl Tasks {
    fn poll(&mut self, task: usize, threads: &Arc<Mutex<HashSet<ThreadId>>>) {
        let waker = Task(task, self.wake.clone(), Arc::clone(threads));
        let waker = Waker::from(Arc::new(waker));
        let future = Pin::new(&mut self.futures[task]);
        self.polls += 1;
        if let Poll::Ready(answer) = future.poll(&mut Context::from_waker(&waker)) {
            assert_eq!(*answer.unwrap(), 7);
            self.ready += 1;
        }
    }
}

#[test]
fn ten_thousand_async_callers_of_a_key_cost_one_run_and_few_threads() {
    // S114 S1: counted, and not timed. Led by a job, and by a thread that leaves the calls to a job.
    const CALLERS: usize = 10_000;
    watched(|| {
        for led_by_a_thread in [false, true] {
            let (group, jobs) = queued();
            let threads = Arc::<Mutex<HashSet<ThreadId>>>::default();
            let leader = led_by_a_thread.then(|| lead(&group, "k"));
            let (wake, woken) = channel();
            let futures = (0..CALLERS).map(|_| future(&group, 7)).collect();
            let mut tasks = Tasks { futures, woken, wake, ready: 0, polls: 0 };
            threads.lock().unwrap().insert(thread::current().id());
            (0..CALLERS).for_each(|task| tasks.poll(task, &threads));
            assert_eq!((tasks.ready, group.in_flight().len()), (0, 1));
            let pool = {
                let threads = Arc::clone(&threads);
                thread::spawn(move || {
                    threads.lock().unwrap().insert(thread::current().id());
                    jobs.wait_next().run();
                })
            };
            if let Some(leader) = leader {
                assert_eq!(leader.returns(Ok(7)).unwrap().callers, CALLERS + 1);
            }
            while tasks.ready < CALLERS {
                let task = tasks.woken.recv().unwrap();
                tasks.poll(task, &threads);
            }
            pool.join().unwrap();
            assert_eq!((group.stats().executed_requests, tasks.polls), (1, 2 * CALLERS));
            let threads = threads.lock().unwrap().len();
            assert!(threads <= 5, "{threads} threads");
        }
    });
}
