//! Tells cargo that a new file of released SQL changes the program: refinery embeds the directory at compile time and notices
//! changed files only.

fn main() {
    println!("cargo:rerun-if-changed=sql/released");
}
