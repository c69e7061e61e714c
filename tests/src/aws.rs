//! moto, once for all tests of a program, and boto3 as the independent client.

use serde_json::{Value as Json, json};
use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

/// moto's process; it ends when its input does, with this process.
pub(crate) struct Moto {
    pub(crate) url: String,
    pipes: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    _process: Child,
}

/// The one of this process.
pub(crate) fn moto() -> &'static Moto {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(start)
}

fn start() -> Moto {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(python(here))
        .args(["-W", "ignore"])
        .arg(here.join("src/aws.py"))
        .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts moto");
    let input = child.stdin.take().expect("has an input");
    let mut output = BufReader::new(child.stdout.take().expect("has an output")).lines();
    let url = output
        .next()
        .expect("says its address")
        .expect("says its address");
    Moto {
        url,
        pipes: Mutex::new((input, output)),
        _process: child,
    }
}

/// The Python with moto and boto3, from the cache.
fn python(here: &Path) -> String {
    let find = "import sys; sys.path.insert(0, sys.argv[1]); from localaws.cache import venv; print(venv())";
    let found = Command::new("python3")
        .args(["-c", find])
        .arg(here.join("../local-aws"))
        .stderr(Stdio::inherit())
        .output()
        .expect("runs python3");
    assert!(found.status.success(), "no Python with moto could be made");
    String::from_utf8_lossy(&found.stdout).trim().to_owned()
}

/// A call of boto3's. `{id}` in the arguments is the object's id, `{name}` what follows its last slash.
#[derive(Clone, Debug)]
pub struct Call {
    service: &'static str,
    operation: &'static str,
    arguments: Json,
    items: &'static str,
}

impl Call {
    /// The call, and where its answer has what counts: `Reservations[].Instances[]` is a list of lists in one.
    #[must_use]
    pub fn new(
        service: &'static str,
        operation: &'static str,
        arguments: Json,
        items: &'static str,
    ) -> Self {
        Self {
            service,
            operation,
            arguments,
            items,
        }
    }

    /// A call whose answer does not count.
    #[must_use]
    pub fn bare(service: &'static str, operation: &'static str, arguments: Json) -> Self {
        Self::new(service, operation, arguments, "")
    }

    /// What the answer has there; nothing where the object is not found.
    pub(crate) fn items(&self, region: &str, id: &str) -> Vec<Json> {
        match self.answer(region, id) {
            Ok(answer) => pick(answer, self.items),
            Err(code) if code.contains("NotFound") || code.contains("NoSuch") => Vec::new(),
            Err(code) => panic!("{} {}: {code}", self.service, self.operation),
        }
    }

    /// What boto3 answers, or the error's code.
    pub(crate) fn answer(&self, region: &str, id: &str) -> Result<Json, String> {
        let name = id.rsplit('/').next().unwrap_or_default();
        let arguments = self.arguments.to_string();
        let arguments = arguments.replace("{id}", id).replace("{name}", name);
        let arguments = serde_json::from_str(&arguments).expect("is JSON still");
        call(region, self.service, self.operation, &arguments)
    }
}

/// What is at that path of an answer.
pub(crate) fn pick(answer: Json, path: &str) -> Vec<Json> {
    let steps = path.split('.').filter(|step| !step.is_empty());
    steps.fold(vec![answer], |found, step| {
        let below = |item: &Json| item[step.trim_end_matches("[]")].clone();
        found
            .iter()
            .flat_map(|item| match below(item) {
                Json::Array(items) if step.ends_with("[]") => items,
                Json::Null => Vec::new(),
                one => vec![one],
            })
            .collect()
    })
}

/// What boto3 answers, or the error's code.
pub(crate) fn call(
    region: &str,
    service: &str,
    operation: &str,
    arguments: &Json,
) -> Result<Json, String> {
    let request = json!({"region": region, "service": service, "operation": operation, "arguments": arguments});
    let mut pipes = moto().pipes.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(pipes.0, "{request}").expect("moto lives");
    let line = pipes.1.next().expect("moto lives").expect("moto answers");
    let mut answer: Json = serde_json::from_str(&line).expect("answers with JSON");
    match (&answer["error"], &answer["broken"]) {
        (Json::String(code), _) => Err(code.clone()),
        (_, Json::String(reason)) => panic!("{service} {operation}: {reason}"),
        _ => Ok(answer["answer"].take()),
    }
}
