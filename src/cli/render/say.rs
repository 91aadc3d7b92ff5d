//! Messages on stderr.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
};

use super::screen::Screen;

/// Prints a line on stderr, as `eprintln!` does, but without a panic when stderr is closed: the exit code has the
/// answer.
macro_rules! say {
    ($($arguments:tt)*) => {
        $crate::render::say_line(format_args!($($arguments)*))
    };
}

/// Prints one line of [`say!`].
pub(crate) fn say_line(line: fmt::Arguments<'_>) {
    let mut err = io::stderr().lock();
    let terminal = err.is_terminal();
    let mut screen = Screen::new(&mut err, terminal);
    // in one write, so that lines of several processes do not mix
    let _ = screen.write_all(format!("{line}\n").as_bytes()).and_then(|()| screen.flush());
}
