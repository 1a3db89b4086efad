//! The lines that are written, with a real subscriber.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

/// Text that is written to by many threads.
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

/// The flight's number in a line: it is the same for those who wait and for the one who runs.
fn flight(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("flight=")?;
    rest.split([' ', '}']).next()
}

#[test]
fn a_log_tells_who_ran_and_who_waited_for_it() {
    let log = Log::default();
    tracing::subscriber::set_global_default(spans::subscriber(log.clone())).unwrap();
    spans::ask().unwrap();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines = |what: &str| -> Vec<String> {
        text.lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
    };
    // A thread that comes too late for the others is served from the window, without a span.
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
