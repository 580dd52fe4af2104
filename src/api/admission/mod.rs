//! (see the room's description)
