use coalescer::Manager;

fn main() {
    let factor = 3;
    let manager = Manager::new();
    let _ = manager.execute(move |n: &u64| Ok::<u64, ()>(n * factor), &7);
}
