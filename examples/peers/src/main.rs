//! Prints the comparison table as Markdown: `cargo run -p peers`.

use peers::{go, table};

fn main() {
    let go = go::run().inspect_err(|why| eprintln!("Go is left out: {why}"));
    print!("{}", table::table(go.ok().as_ref()));
}
