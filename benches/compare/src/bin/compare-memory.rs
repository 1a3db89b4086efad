//! The lanes of memory: `compare-memory CONTENDER [--tiny]`. The program `compare` runs it.

#[cfg(target_os = "linux")]
fn main() {
    use compare::contender;
    use compare::scenarios::{Memory, Size};

    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let size = if arguments.next().is_some() { Size::Tiny } else { Size::Full };
    let memory = Memory::new(size, || counting::HEAP.allocated());
    for (figure, value) in contender::with(&name, &memory).unwrap_or_default() {
        println!("{figure}\t{value}");
    }
}

#[cfg(target_os = "linux")]
mod counting {
    use std::alloc::System;

    /// Counts the bytes that were asked for and not given back.
    #[global_allocator]
    pub(crate) static HEAP: cap::Cap<System> = cap::Cap::new(System, usize::MAX);
}

#[cfg(not(target_os = "linux"))]
fn main() {}
