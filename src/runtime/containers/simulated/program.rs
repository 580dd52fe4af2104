use std::time::Duration;

use bytes::Bytes;

use crate::runtime::containers::LogStream;

/// What a command does in simulated time: what it prints when, and how it ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Program {
    /// In order of time since the start.
    pub lines: Vec<(Duration, LogStream, Bytes)>,
    pub end: End,
    /// The code with which it ends when asked to; `None` if it does not listen.
    pub on_term: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum End {
    After(Duration, i32),
    /// When its standard input ends; until then it prints what it reads.
    WithStdin,
    /// It is none of the simulated programs: as a container it is a service, which runs until it is stopped.
    #[default]
    Unknown,
}

impl Program {
    /// `true`, `false`, `echo`, `sleep`, `cat`, and `sh -c` of those, `exit` and `trap "exit N" TERM`, separated by `;` and without any
    /// other syntax than quotes and `>&2`. They behave as they do as process 1 of a real container: deaf to signals, save for the trap.
    pub fn read(argv: &[String]) -> Self {
        let statements = match argv {
            [] => return Self::default(),
            [shell, flag, script, ..] if base(shell) == "sh" && flag == "-c" => split(script),
            argv => vec![argv.to_vec()],
        };
        let mut program = Self::default();
        program.end = program.follow(&statements);
        program
    }

    fn follow(&mut self, statements: &[Vec<String>]) -> End {
        let (mut now, mut code) = (Duration::ZERO, 0);
        for statement in statements {
            let words: Vec<&str> = statement.iter().map(String::as_str).collect();
            match words.as_slice() {
                [] => {}
                ["exit", status] => return End::After(now, status.parse().unwrap_or(2)),
                ["trap", action, "TERM"] => self.on_term = action.strip_prefix("exit ").and_then(|code| code.parse().ok()),
                words => match self.run(words, &mut now) {
                    Ok(status) => code = status,
                    Err(end) => return end,
                },
            }
        }
        End::After(now, code)
    }

    /// Appends one simple command that begins at `now`, and returns its code, or the end of the whole if it has one of its own.
    fn run(&mut self, words: &[&str], now: &mut Duration) -> Result<i32, End> {
        let (words, stream) = match words {
            [words @ .., ">&2"] => (words, LogStream::Stderr),
            words => (words, LogStream::Stdout),
        };
        let (name, arguments) = words.split_first().ok_or(End::Unknown)?;
        match (base(name), arguments) {
            ("true", _) => Ok(0),
            ("false", _) => Ok(1),
            ("echo", words) => {
                self.lines.push((*now, stream, Bytes::from(words.join(" ") + "\n")));
                Ok(0)
            }
            ("sleep", [seconds]) => match seconds.parse().map(Duration::try_from_secs_f64) {
                Ok(Ok(pause)) => {
                    *now += pause;
                    Ok(0)
                }
                _ => Ok(1),
            },
            ("cat", []) => Err(End::WithStdin),
            _ => Err(End::Unknown),
        }
    }
}

fn base(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The words of each statement of a script.
fn split(script: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in script.chars().chain([';']) {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == ';' || c.is_whitespace() => {
                let statement = statements.last_mut().expect("there is always a statement");
                statement.extend(word.take());
                if c == ';' || c == '\n' {
                    statements.push(Vec::new());
                }
            }
            None => word.get_or_insert_default().push(c),
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(argv: &[&str]) -> Program {
        Program::read(&argv.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn simple_commands_end_with_their_code() {
        let cases: [(&[&str], Duration, i32); 5] = [
            (&["true"], Duration::ZERO, 0),
            (&["/bin/false"], Duration::ZERO, 1),
            (&["sleep", "1.5"], Duration::from_millis(1500), 0),
            (&["sh", "-c", "exit 7"], Duration::ZERO, 7),
            (&["/bin/sh", "-c", "sleep 2; false; sleep 1; false"], Duration::from_secs(3), 1),
        ];
        for (argv, after, code) in cases {
            assert_eq!(program(argv).end, End::After(after, code), "{argv:?}");
        }
        assert_eq!(program(&["cat"]).end, End::WithStdin);
        assert_eq!(program(&["nginx", "-g", "daemon off;"]).end, End::Unknown);
        assert_eq!(program(&[]).end, End::Unknown);
    }

    #[test]
    fn what_a_script_prints_has_its_time_and_stream() {
        let script = program(&["sh", "-c", "echo 'a  b' c; sleep 1; echo bad >&2; exit 3; echo never"]);
        let expected = [
            (Duration::ZERO, LogStream::Stdout, Bytes::from_static(b"a  b c\n")),
            (Duration::from_secs(1), LogStream::Stderr, Bytes::from_static(b"bad\n")),
        ];
        assert_eq!(script.lines, expected);
        assert_eq!(script.end, End::After(Duration::from_secs(1), 3));
    }

    #[test]
    fn a_script_may_listen_to_the_wish_to_stop() {
        let script = program(&["sh", "-c", "trap \"exit 4\" TERM; while :; do sleep 0.1; done"]);
        assert_eq!((script.on_term, script.end), (Some(4), End::Unknown));
        assert_eq!(program(&["sleep", "100"]).on_term, None);
    }
}
