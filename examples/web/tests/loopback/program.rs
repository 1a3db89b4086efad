//! The program itself.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{free_address, get, watched};

fn program(argument: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_web"));
    command.arg(argument).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Ends the program with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_program_says_where_it_listens_and_answers_there() {
    watched(|| {
        // Somebody else may take the port meanwhile.
        for _ in 0..100 {
            let address = free_address();
            let mut running = Running(program(&address.to_string()).spawn().unwrap());
            let mut line = String::new();
            BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
            if line.is_empty() {
                continue;
            }
            assert_eq!(line, format!("listening to http://{address}/\n"));
            assert_eq!(get(address, "/primes/10", &[]).text, "4\n");
            return;
        }
        panic!("no port is free")
    });
}

#[test]
fn an_address_that_is_none_is_refused_with_a_way_out() {
    watched(|| {
        let output = program("everywhere").output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "web: everywhere is no address; give one such as 127.0.0.1:8080\n");
    });
}
