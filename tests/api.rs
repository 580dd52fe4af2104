//! What the API does with objects, over the memory store.

mod api {
    mod admission;
    mod services;
    mod verbs;
    mod world;
}
