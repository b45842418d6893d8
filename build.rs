//! Makes cargo rebuild when a file of released SQL is added. refinery embeds the directory but tracks only the files in it.

fn main() {
    println!("cargo:rerun-if-changed=sql/released");
}
