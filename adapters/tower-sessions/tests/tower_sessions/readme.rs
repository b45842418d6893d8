/// Cargo compiles the example, and the README shows it.
#[test]
fn first_example_of_readme_is_that_of_this_package() {
    let readme = include_str!("../../../../README.md");
    let example = include_str!("../../examples/count.rs");
    let (_, code) = example.split_once("\n\n").unwrap();
    let shown = readme.split("```rust,ignore\n").nth(1).unwrap();
    assert_eq!(shown.split("```").next(), Some(code));
}
