//! Policy documents as typed properties, and their way to and from AWS's JSON.

use crate::prelude::*;
use serde_json::{Map, Value as Document, json};

words! {
    /// What a statement does.
    pub enum PolicyStatementEffect {
        /// It allows.
        Allow = "Allow",
        /// It denies, whatever else allows.
        Deny = "Deny",
    }
}

/// A policy document: who may do what, on what, and when. Documents are compared by meaning.
///
/// See [the elements of a policy](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html).
#[derive(Clone, Debug, PartialEq, Props)]
pub struct Policy {
    /// The version of the policy language. Default: `2012-10-17`.
    #[prop(default = "2012-10-17", check = version)]
    pub version: String,
    /// The statements.
    pub statements: Vec<PolicyStatement>,
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct PolicyStatement {
    /// A name for the statement: letters and digits.
    #[prop(check = sid)]
    pub sid: Option<String>,
    /// What it does. Default: `Allow`.
    #[prop(default = PolicyStatementEffect::Allow)]
    pub effect: PolicyStatementEffect,
    /// The actions, such as `s3:GetObject`. Excludes `notActions`.
    pub actions: Option<Set<String>>,
    /// All actions but these.
    pub not_actions: Option<Set<String>>,
    /// The ARNs of what it is about; `*` stands for anything. Excludes `notResources`.
    pub resources: Option<Set<String>>,
    /// All resources but these.
    pub not_resources: Option<Set<String>>,
    /// Who it is about, by kind: `Service`, `AWS`, `Federated` or `CanonicalUser`. Only in policies that belong to a
    /// resource or say who may assume a role.
    pub principals: Option<BTreeMap<String, Set<String>>>,
    /// Everybody but these.
    pub not_principals: Option<BTreeMap<String, Set<String>>>,
    /// When it holds: an object of operators, such as `{"StringEquals": {"aws:SourceAccount": "111122223333"}}`.
    pub conditions: Option<Json>,
}

/// What a policy belongs to, which decides what its statements need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// A user or a role: it says on which resources, not who.
    Identity,
    /// A role, whom it lets in: it says who, not on which resources.
    Trust,
    /// A resource: it says both.
    Resource,
}

fn version(version: &str) -> Result<(), String> {
    match version {
        "2012-10-17" | "2008-10-17" => Ok(()),
        other => Err(format!("{other:?} is not 2012-10-17 or 2008-10-17")),
    }
}

fn sid(sid: &str) -> Result<(), String> {
    if sid.chars().all(|c| c.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err(format!("{sid:?} must have only letters and digits"))
    }
}

impl Policy {
    /// The policy of these statements.
    #[must_use]
    pub fn new(statements: Vec<PolicyStatement>) -> Self {
        Self {
            version: "2012-10-17".to_owned(),
            statements,
        }
    }

    /// The trust policy that lets an AWS service, such as `ecs-tasks.amazonaws.com`, assume a role.
    #[must_use]
    pub fn trusting(service: &str) -> Self {
        let principals = BTreeMap::from([("Service".to_owned(), Set::from([service.to_owned()]))]);
        Self::new(vec![PolicyStatement {
            principals: Some(principals),
            resources: None,
            ..PolicyStatement::allow(["sts:AssumeRole"], [""; 0])
        }])
    }

    /// The document as AWS takes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.document().to_string()
    }

    /// The policy of AWS's document, also of one with URL-encoded text, as IAM answers.
    ///
    /// # Errors
    /// It is no policy document.
    pub fn from_json(text: &str) -> Result<Self> {
        let plain = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        let document = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text),
            false => serde_json::from_str(&plain),
        };
        let document: Document = document
            .map_err(|e| Error::failed(format!("AWS's policy document is not JSON: {e}")))?;
        Ok(Self {
            // A document without a version has the oldest.
            version: document["Version"]
                .as_str()
                .unwrap_or("2008-10-17")
                .to_owned(),
            statements: as_list(&document["Statement"])
                .into_iter()
                .map(PolicyStatement::from_document)
                .collect(),
        })
    }

    /// The policy of AWS's document, in the words of `known` where that means the same.
    ///
    /// # Errors
    /// It is no policy document.
    pub fn from_json_like(text: &str, known: Option<&Self>) -> Result<Self> {
        let read = Self::from_json(text)?;
        Ok(known
            .filter(|known| known.means(&read))
            .cloned()
            .unwrap_or(read))
    }

    /// Whether two policies mean the same, however they are written.
    #[must_use]
    pub fn means(&self, other: &Self) -> bool {
        normal(&self.document()) == normal(&other.document())
    }

    /// Refuses at `path` what AWS would refuse of a policy that may be known in parts. Answers what is known of it.
    pub fn check(value: &Value, kind: PolicyKind, path: &str, check: &mut Check<'_>) -> Self {
        let field = value.field("statements");
        let mut known = Self::new(Vec::new());
        let Value::List(statements) = field.peel() else {
            return known;
        };
        if statements.is_empty() {
            check.fail(format!("{path}.statements"), "needs at least one statement");
        }
        for (i, statement) in statements.iter().map(Value::plain).enumerate() {
            if statement.has_unknown() {
                continue;
            }
            let Ok(statement) = PolicyStatement::decode(&statement) else {
                continue;
            };
            let path = format!("{path}.statements[{i}]");
            for (property, reason) in statement.failures(kind) {
                check.fail(format!("{path}.{property}"), reason);
            }
            if statement.sid.is_some() && known.statements.iter().any(|s| s.sid == statement.sid) {
                let reason =
                    "another statement has the same sid; give each its own, or leave it out";
                check.fail(format!("{path}.sid"), reason);
            }
            known.statements.push(statement);
        }
        known
    }

    fn document(&self) -> Document {
        let statements: Vec<_> = self
            .statements
            .iter()
            .map(PolicyStatement::document)
            .collect();
        json!({"Version": self.version, "Statement": statements})
    }
}

impl PolicyStatement {
    /// A statement that allows these actions on these resources.
    #[must_use]
    pub fn allow<A: Into<String>, R: Into<String>>(
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            sid: None,
            effect: PolicyStatementEffect::Allow,
            actions: Some(actions.into_iter().map(Into::into).collect()),
            not_actions: None,
            resources: Some(resources.into_iter().map(Into::into).collect()),
            not_resources: None,
            principals: None,
            not_principals: None,
            conditions: None,
        }
    }

    fn failures(&self, kind: PolicyKind) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let given = |a: bool, b: bool| usize::from(a) + usize::from(b);
        let one = |count: usize, names: &str| match count {
            0 => Some(format!("give exactly one of {names}")),
            1 => None,
            _ => Some(format!("give only one of {names}")),
        };
        let principals = given(self.principals.is_some(), self.not_principals.is_some());
        let resources = given(self.resources.is_some(), self.not_resources.is_some());
        let actions = given(self.actions.is_some(), self.not_actions.is_some());
        found.extend(one(actions, "actions, notActions").map(|e| ("actions", e)));
        if kind == PolicyKind::Trust {
            if resources > 0 {
                let reason = "a trust policy always applies to its own role; leave it out";
                found.push(("resources", reason.to_owned()));
            }
        } else {
            found.extend(one(resources, "resources, notResources").map(|e| ("resources", e)));
        }
        if kind == PolicyKind::Identity {
            if principals > 0 {
                let reason = "the policy always applies to the role that has it; leave it out";
                found.push(("principals", reason.to_owned()));
            }
        } else {
            found.extend(one(principals, "principals, notPrincipals").map(|e| ("principals", e)));
        }
        let sets = [
            ("actions", &self.actions),
            ("notActions", &self.not_actions),
            ("resources", &self.resources),
            ("notResources", &self.not_resources),
        ];
        let empty = sets
            .into_iter()
            .filter(|(_, s)| s.as_ref().is_some_and(Set::is_empty));
        found.extend(empty.map(|(name, _)| (name, "must not be empty".to_owned())));
        for action in self.actions.iter().chain(&self.not_actions).flatten() {
            if action != "*" && !action.contains(':') {
                let reason = format!("{action:?} is not an action such as s3:GetObject");
                found.push(("actions", reason));
            }
        }
        for kind in self
            .principals
            .iter()
            .chain(&self.not_principals)
            .flat_map(BTreeMap::keys)
        {
            if !["AWS", "CanonicalUser", "Federated", "Service"].contains(&kind.as_str()) {
                let reason =
                    format!("{kind:?} is not one of Service, AWS, Federated, CanonicalUser");
                found.push(("principals", reason));
            }
        }
        match self.conditions.as_ref().map(|Json(conditions)| conditions) {
            None => {}
            Some(Document::Object(operators)) => {
                for (operator, keys) in operators {
                    found.extend(condition(operator, keys).map(|reason| ("conditions", reason)));
                }
            }
            Some(_) => {
                let reason = "must be an object of operators, such as StringEquals";
                found.push(("conditions", reason.to_owned()));
            }
        }
        found
    }

    fn document(&self) -> Document {
        let mut all = Map::new();
        let mut put = |name: &str, value: Option<Document>| {
            all.extend(value.map(|value| (name.to_owned(), value)));
        };
        let list = |set: &Option<Set<String>>| set.as_ref().map(|set| json!(set));
        let map = |by: &Option<BTreeMap<String, Set<String>>>| by.as_ref().map(|by| json!(by));
        put("Sid", self.sid.as_ref().map(|sid| json!(sid)));
        put(
            "Effect",
            Some(json!(pulumi_aws_framework::props::Enum::word(self.effect))),
        );
        put("Principal", map(&self.principals));
        put("NotPrincipal", map(&self.not_principals));
        put("Action", list(&self.actions));
        put("NotAction", list(&self.not_actions));
        put("Resource", list(&self.resources));
        put("NotResource", list(&self.not_resources));
        put("Condition", self.conditions.as_ref().map(|c| c.0.clone()));
        Document::Object(all)
    }

    fn from_document(document: &Document) -> Self {
        let list = |name: &str| document.get(name).map(strings);
        let map = |name: &str| match document.get(name)? {
            Document::Object(by) => Some(by.iter().map(|(k, v)| (k.clone(), strings(v))).collect()),
            anybody => Some(BTreeMap::from([("AWS".to_owned(), strings(anybody))])),
        };
        let effect = match document["Effect"].as_str() {
            Some("Deny") => PolicyStatementEffect::Deny,
            _ => PolicyStatementEffect::Allow,
        };
        Self {
            sid: document["Sid"]
                .as_str()
                .filter(|s| !s.is_empty())
                .map(str::to_owned),
            effect,
            actions: list("Action"),
            not_actions: list("NotAction"),
            resources: list("Resource"),
            not_resources: list("NotResource"),
            principals: map("Principal"),
            not_principals: map("NotPrincipal"),
            conditions: document.get("Condition").cloned().map(Json),
        }
    }
}

/// What is wrong with the keys of an operator, which YAML and Go leave out where their value is null.
fn condition(operator: &str, keys: &Document) -> Option<String> {
    let Document::Object(keys) = keys else {
        return Some(format!(
            "{operator} must be an object of keys, such as aws:SourceAccount"
        ));
    };
    if keys.is_empty() {
        return Some(format!(
            "{operator} has no keys, or only keys that are null; give each a text, such as \"true\""
        ));
    }
    let null = |value: &&Document| value.is_null();
    let (key, _) = keys.iter().find(|(_, value)| match value {
        Document::Array(values) => values.iter().any(|v| null(&v)),
        one => null(one),
    })?;
    Some(format!(
        "{operator}.{key} is null; give it a text, such as \"true\""
    ))
}

/// AWS's document of a policy, in the words of `known` where that means the same.
pub(crate) fn like(read: Document, known: Option<&Json>) -> Json {
    match known {
        Some(known) if same(&read.to_string(), &known.to_string()) => known.clone(),
        _ => Json(read),
    }
}

/// Has the input `policy` stay as it was where it means the same.
pub(crate) fn keep(inputs: &mut Properties, old: &Properties) {
    let document = |all: &Properties| {
        let value = all.get("policy").filter(|v| !v.has_unknown())?;
        Json::parse(value).map(|document| document.to_string())
    };
    if let (Some(new), Some(before)) = (document(inputs), document(old))
        && same(&new, &before)
    {
        inputs.insert("policy".to_owned(), old["policy"].clone());
    }
}

/// Whether two documents are policies that mean the same.
pub(crate) fn same(a: &str, b: &str) -> bool {
    let of = |text| Policy::from_json(text).ok();
    of(a).is_some_and(|a| of(b).is_some_and(|b| a.means(&b)))
}

/// AWS writes a list of one as its item.
fn as_list(document: &Document) -> Vec<&Document> {
    match document {
        Document::Array(items) => items.iter().collect(),
        Document::Null => Vec::new(),
        one => vec![one],
    }
}

fn strings(document: &Document) -> Set<String> {
    let items = as_list(document).into_iter();
    items
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

/// A document in the one form of all that mean the same: every value a sorted list of texts, an account by its id.
fn normal(document: &Document) -> Document {
    match document {
        Document::Object(fields) => {
            Document::Object(fields.iter().map(|(k, v)| (k.clone(), normal(v))).collect())
        }
        Document::Array(items) if items.iter().any(Document::is_object) => {
            Document::Array(items.iter().map(normal).collect())
        }
        other => {
            let mut texts: Vec<_> = as_list(other).into_iter().map(text).collect();
            texts.sort();
            texts.dedup();
            json!(texts)
        }
    }
}

fn text(document: &Document) -> String {
    let text = match document {
        Document::String(text) => text.clone(),
        other => other.to_string(),
    };
    // IAM keeps an account that is a principal as the ARN of its root.
    let account = text.strip_suffix(":root").and_then(|arn| {
        let (start, account) = arn.rsplit_once("::")?;
        (start.starts_with("arn:") && start.ends_with(":iam")).then(|| account.to_owned())
    });
    let text = account.unwrap_or(text);
    serde_json::from_str(&text).map_or(text, |number| pulumi_aws_framework::props::digits(&number))
}

#[cfg(test)]
mod tests;
