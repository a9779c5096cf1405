// Counts the words of standard input, most frequent first: strings, maps,
// sorting, formatting and floats of the Rust standard library.
use std::collections::BTreeMap;
use std::io::{self, Read};

fn main() {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        *count.entry(word).or_default() += 1;
    }
    let total: usize = count.values().sum();
    let mut list: Vec<_> = count.into_iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    for (word, n) in list {
        println!("{:5} {:.3}% {}", n, 100.0 * n as f64 / total as f64, word);
    }
}
