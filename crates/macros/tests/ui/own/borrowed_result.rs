use coalescer::coalesce;

#[coalesce]
fn first(word: &str) -> &str {
    &word[..1]
}

#[coalesce]
fn letters(word: &str) -> impl Iterator<Item = char> {
    word.chars().collect::<Vec<_>>().into_iter()
}

fn main() {}
