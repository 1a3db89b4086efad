//! The program itself.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{free_address, get, watched};

fn program(argument: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_web"));
    command.arg(argument).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Kills the program at the end of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_program_prints_its_address_and_answers_there() {
    watched(|| {
        // Another program may take the port before this one does.
        for _ in 0..100 {
            let address = free_address();
            let mut running = Running(program(&address.to_string()).spawn().unwrap());
            let mut line = String::new();
            BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
            if line.is_empty() {
                continue;
            }
            assert_eq!(line, format!("listening on http://{address}/\n"));
            assert_eq!(get(address, "/primes/10", &[]).text, "4\n");
            return;
        }
        panic!("found no free port")
    });
}

#[test]
fn a_wrong_address_is_refused_with_a_hint() {
    watched(|| {
        let output = program("everywhere").output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "web: everywhere is not an address; use one such as 127.0.0.1:8080\n");
    });
}
