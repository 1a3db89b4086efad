//! `cargo run --release -p lab -- --help` lists the commands.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    if let Some(done) = lab::worker() {
        return done;
    }
    match lab::main() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("lab needs Linux: it asks /proc which threads sleep, and measures a bare futex");
    std::process::exit(1);
}
