//! The lines of a real subscriber.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

/// Text that many threads write to.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The flight number in a line. It is the same for an execution and for the calls that wait for it.
fn flight(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("flight=")?;
    rest.split([' ', '}']).next()
}

#[test]
fn the_log_has_the_execution_and_the_calls_that_waited_for_it() {
    let log = Log::default();
    tracing::subscriber::set_global_default(spans::subscriber(log.clone())).unwrap();
    spans::ask().unwrap();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines = |what: &str| -> Vec<String> {
        text.lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
    };
    // A thread that calls after the execution gets its result from the window, without a span.
    let (runs, waits) = (lines("coalescer.run{"), lines("coalescer.wait{"));
    let ended: Vec<_> = runs.iter().filter(|line| line.contains("close")).collect();
    assert_eq!(ended.len(), 1, "{text}");
    assert!(ended[0].contains("name=\"reports\"") && ended[0].contains("key=7"), "{text}");
    assert!(ended[0].contains("result=\"ok\""), "{text}");
    assert!(flight(ended[0]).is_some(), "{text}");
    for wait in waits {
        assert_eq!(flight(&wait), flight(ended[0]), "{text}");
        assert!(!wait.contains("close") || wait.contains("waited_seconds="), "{text}");
    }
}
