//! `cargo run --release -p compare`: measures, and prints the table.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    compare::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!(
        "compare needs Linux: it asks /proc which threads sleep, and has a futex for a floor"
    );
    std::process::exit(1);
}
