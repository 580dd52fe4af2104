//! A whole cluster as a user meets it: the program itself, real kubectl, real Docker.

mod cluster {
    mod commands;
    mod containers;
    mod recordings;
    mod served;
    mod simulation;
    mod site;
    mod what_if;
}
