//! What the API does with objects, over the memory store.

mod api {
    mod admission;
    mod applying;
    mod authority;
    mod bootstrap;
    mod certificates;
    mod custom_resources;
    mod devices;
    mod extensions;
    mod networking;
    mod selections;
    mod services;
    mod storage;
    mod subresources;
    mod validation;
    mod verbs;
    mod workloads;
    mod world;
}
