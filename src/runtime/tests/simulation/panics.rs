//! A panic in a task ends that task alone; here nothing may end so.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static NOTED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Notes every panic on this thread.
pub(super) fn note_from_now_on() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            NOTED.with_borrow_mut(|noted| noted.iter_mut().for_each(|noted| noted.push(panic.to_string())));
            before(panic);
        }));
    });
    NOTED.set(Some(Vec::new()));
}

/// The panics since then; from now on none is noted any more.
pub(super) fn noted() -> Vec<String> {
    NOTED.take().unwrap_or_default()
}
