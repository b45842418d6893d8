//! The data of the sessions: the same JSON in every store.

use serde::{Deserialize, Serialize};

use super::ids::mix;

/// The data of a session in a shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    user: String,
    csrf: String,
    locale: String,
    /// Changed by every save, so that no save writes what is stored already.
    views: u64,
    cart: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Item {
    sku: String,
    name: String,
    count: u32,
}

impl Payload {
    /// Creates the data of session number `index`: JSON of `bytes` bytes, give or take half an item of the cart.
    pub fn new(index: u32, bytes: usize) -> Payload {
        let mut payload = Payload {
            user: format!("user-{index:08}"),
            csrf: format!(
                "{:08x}{:08x}{:08x}{:08x}",
                mix(index),
                mix(!index),
                mix(index ^ 1),
                mix(index ^ 2)
            ),
            locale: "en-GB".to_owned(),
            views: 1000,
            cart: Vec::new(),
        };
        let mut length = payload.to_json().len();
        let mut number = index;
        loop {
            number = mix(number.wrapping_add(0x9e37_79b9));
            let item = Item {
                sku: format!("{number:08x}"),
                name: format!("article number {:06}", number % 1_000_000),
                count: number % 9 + 1,
            };
            // An item's fields, their names and the comma.
            let more = 31 + item.sku.len() + item.name.len();
            if length + more / 2 > bytes {
                return payload;
            }
            length += more;
            payload.cart.push(item);
        }
    }

    /// Changes what a request would change.
    pub fn change(&mut self) {
        self.views += 1;
    }

    /// Returns the data as JSON text.
    pub fn to_json(&self) -> String {
        // A struct of strings and numbers is always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}
