//! Catching panics, with the place where they happened.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    cell::Cell,
    mem,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
};

/// A panic that was contained.
#[derive(Debug)]
pub(in crate::runtime) struct Caught {
    pub message: String,
    /// `file:line:column`.
    pub location: String,
    /// Only if `RUST_BACKTRACE` asks for it.
    pub backtrace: Option<Backtrace>,
}

/// What the hook does with the next panic of this thread.
enum Watch {
    /// Leave it to the hook that was there before.
    Off,
    /// Keep its place: whoever contains the panic reports it.
    Armed,
    /// One has been kept; a second one in the same unwinding will abort, so it must be printed.
    Seen(String, Backtrace),
}

thread_local! {
    static WATCH: Cell<Watch> = const { Cell::new(Watch::Off) };
}

static HOOK: Once = Once::new();

/// Runs `work`; a panic in it goes no further. The default message is not printed: the caller reports what it caught.
pub(in crate::runtime) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    HOOK.call_once(install);
    let outer = WATCH.replace(Watch::Armed);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let seen = WATCH.replace(outer);
    result.map_err(|payload| {
        let (location, backtrace) = match seen {
            Watch::Seen(location, backtrace) => (location, (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace)),
            Watch::Off | Watch::Armed => (String::from("unknown"), None),
        };
        Caught { message: text(payload), location, backtrace }
    })
}

fn install() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // The thread's locals may be gone already: then nobody contains anything any more.
        let kept = WATCH.try_with(|watch| keep(watch, info)).unwrap_or(false);
        if !kept {
            previous(info);
        }
    }));
}

fn keep(watch: &Cell<Watch>, info: &PanicHookInfo<'_>) -> bool {
    match watch.replace(Watch::Off) {
        Watch::Armed => {
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            watch.set(Watch::Seen(location, Backtrace::capture()));
            true
        }
        other => {
            watch.set(other);
            false
        }
    }
}

fn text(payload: Box<dyn Any + Send>) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => String::from("a value that is not text"),
    };
    // A payload may panic when it is dropped, and so may what that panic carries.
    if let Err(next) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(next);
    }
    text
}
