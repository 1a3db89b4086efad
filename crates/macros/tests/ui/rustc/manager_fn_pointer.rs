use coalescer::Manager;

fn double(n: &u64) -> Result<u64, ()> {
    Ok(n * 2)
}

fn main() {
    let function: fn(&u64) -> Result<u64, ()> = double;
    let _ = Manager::new().coalescer(function);
}
