//! What the API does with objects, over the memory store.

mod api {
    mod verbs;
    mod world;
}
