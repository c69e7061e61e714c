//! The lines of the log of the task that an execution runs.

use super::ExecutionTaskLog;
use crate::prelude::*;
use outside::printable_line;

/// How many events of a history are looked through for the newest task.
const EVENTS: i32 = 30;

/// The lines that are new each time.
#[derive(Default)]
pub(super) struct Lines {
    log: Option<ExecutionTaskLog>,
    stream: String,
    /// Where the next page begins.
    token: Option<String>,
    last: String,
}

impl Lines {
    pub(super) fn of(log: Option<&ExecutionTaskLog>) -> Self {
        Self {
            log: log.cloned(),
            last: "running".to_owned(),
            ..Self::default()
        }
    }

    /// Shows all lines but the last, which it returns. A log that cannot be read is no reason to fail.
    pub(super) async fn show(&mut self, cx: &Context, execution: &str) -> String {
        if let Some(log) = self.log.clone()
            && let Err(error) = self.look(cx, execution, &log).await
            && !error.is_not_found()
        {
            cx.warn(&format!(
                "the lines of the run's log are not shown: {error}"
            ));
            self.log = None;
        }
        self.last.clone()
    }

    async fn look(&mut self, cx: &Context, execution: &str, log: &ExecutionTaskLog) -> Result<()> {
        let Some(task) = task_of(cx, execution).await? else {
            return Ok(());
        };
        let stream = format!("{}/{task}", log.log_stream_prefix);
        if stream != self.stream {
            (self.stream, self.token) = (stream, None);
        }
        loop {
            let page = cx.aws.logs().get_log_events();
            let page = page
                .log_group_name(&log.log_group_name)
                .log_stream_name(&self.stream);
            let page = page
                .start_from_head(true)
                .set_next_token(self.token.clone());
            let page = page.send().await.during("read the log of the run")?;
            for event in page.events() {
                let line =
                    printable_line(event.message().unwrap_or_default().trim_end()).into_owned();
                if !line.is_empty() {
                    cx.status(&line);
                    self.last = line;
                }
            }
            // The token of the end is the same again.
            let next = page
                .next_forward_token
                .filter(|next| self.token.as_ref() != Some(next));
            match (next, page.events.is_none_or(|events| events.is_empty())) {
                (Some(next), is_empty) => {
                    self.token = Some(next);
                    if is_empty {
                        return Ok(());
                    }
                }
                (None, _) => return Ok(()),
            }
        }
    }
}

/// The id of the newest ECS task that an execution started.
async fn task_of(cx: &Context, execution: &str) -> Result<Option<String>> {
    let history = cx.aws.sfn().get_execution_history();
    let history = history.execution_arn(execution).reverse_order(true);
    let history = history.max_results(EVENTS).send().await;
    let history = history.during(format!("read the history of {execution}"))?;
    let submitted = history.events().iter().find_map(|event| {
        let output = event.task_submitted_event_details()?.output()?;
        let answer: serde_json::Value = serde_json::from_str(output).ok()?;
        let arn = answer["Tasks"][0]["TaskArn"].as_str()?;
        Some(arn.rsplit('/').next()?.to_owned())
    });
    Ok(submitted)
}
