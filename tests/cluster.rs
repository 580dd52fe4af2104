//! A whole cluster as a user meets it: the program itself, real kubectl, real Docker.

mod cluster {
    mod commands;
    mod containers;
    mod recordings;
    mod simulation;
    mod site;
}
