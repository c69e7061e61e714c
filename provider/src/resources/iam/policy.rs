//! Policy documents as typed properties, and their way to and from AWS's JSON.

use crate::{prelude::*, words};
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
        Err(format!("{sid:?} may have only letters and digits"))
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

    /// Refuses at `path` what AWS would refuse.
    pub fn check(&self, kind: PolicyKind, path: &str, check: &mut Check<'_>) {
        if self.statements.is_empty() {
            check.fail(format!("{path}.statements"), "needs at least one statement");
        }
        for (i, statement) in self.statements.iter().enumerate() {
            for (property, reason) in statement.failures(kind) {
                check.fail(format!("{path}.statements[{i}].{property}"), reason);
            }
        }
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
                let reason = "a trust policy is about its own role; leave the resources out";
                found.push(("resources", reason.to_owned()));
            }
        } else {
            found.extend(one(resources, "resources, notResources").map(|e| ("resources", e)));
        }
        if kind == PolicyKind::Identity {
            if principals > 0 {
                let reason = "the policy is about the role that has it; leave the principals out";
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
        if self.conditions.as_ref().is_some_and(|c| !c.0.is_object()) {
            let reason = "must be an object of operators, such as StringEquals";
            found.push(("conditions", reason.to_owned()));
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
        put("Effect", Some(json!(crate::props::Enum::word(self.effect))));
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
    account.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(document: &Document) -> Policy {
        Policy::from_json(&document.to_string()).expect("a policy")
    }

    #[test]
    fn a_document_survives_the_way_there_and_back() {
        let document = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Logs", "Effect": "Deny",
            "Principal": {"AWS": ["arn:aws:iam::111122223333:root"]},
            "NotAction": ["logs:PutLogEvents"], "NotResource": ["*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }]});
        assert_eq!(
            serde_json::from_str::<Document>(&of(&document).to_json()).ok(),
            Some(document)
        );
    }

    #[test]
    fn documents_that_mean_the_same_are_the_same() {
        let with =
            |statement: Document| of(&json!({"Version": "2012-10-17", "Statement": statement}));
        let long = with(json!([{
            "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:root"]},
            "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["*"],
            "Condition": {"StringEquals": {"aws:PrincipalTag/team": ["data"]}},
        }]));
        let short = with(json!({
            "Effect": "Allow", "Principal": {"AWS": "111122223333"},
            "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalTag/team": "data"}},
        }));
        assert!(long.means(&short));
        assert_eq!(
            Policy::from_json_like(&long.to_json(), Some(&short)).ok(),
            Some(short.clone())
        );
        let (read, known) = (long.document(), Json(short.document()));
        assert_eq!(like(read, Some(&known)), known);
        let none = json!({"Statement": []}).to_string();
        let old = json!({"Version": "2008-10-17", "Statement": []}).to_string();
        assert!(same(&none, &old) && !same(&old, &long.to_json()));
        let other = with(json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}));
        assert!(!long.means(&other));
        assert_eq!(
            Policy::from_json_like(&long.to_json(), Some(&other)).ok(),
            Some(long)
        );
        let anybody =
            with(json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}));
        let each = with(
            json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": "*"}),
        );
        assert!(anybody.means(&each));
    }

    #[test]
    fn iam_answers_with_encoded_text() {
        let policy = Policy::trusting("ecs-tasks.amazonaws.com");
        let json = policy.to_json();
        let text = percent_encoding::utf8_percent_encode(&json, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(Policy::from_json(&text.to_string()).ok(), Some(policy));
        // A percent sign in a document that is not encoded stays.
        let plain = Policy::new(vec![PolicyStatement::allow(
            ["s3:*"],
            ["arn:aws:s3:::b/%41"],
        )]);
        assert_eq!(Policy::from_json(&plain.to_json()).ok(), Some(plain));
    }

    #[test]
    fn statements_need_what_their_kind_needs() {
        let identity = PolicyStatement::allow(["s3:GetObject"], ["*"]);
        let [trust] =
            <[_; 1]>::try_from(Policy::trusting("a.amazonaws.com").statements).expect("one");
        let names = |s: &PolicyStatement, kind| -> Vec<_> {
            s.failures(kind).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&identity, PolicyKind::Identity), [""; 0]);
        assert_eq!(
            names(&identity, PolicyKind::Trust),
            ["resources", "principals"]
        );
        assert_eq!(names(&trust, PolicyKind::Trust), [""; 0]);
        assert_eq!(
            names(&trust, PolicyKind::Identity),
            ["resources", "principals"]
        );
        assert_eq!(names(&identity, PolicyKind::Resource), ["principals"]);
        let odd = PolicyStatement {
            actions: Some(Set::from(["GetObject".to_owned()])),
            resources: Some(Set::new()),
            principals: Some(BTreeMap::from([("Lambda".to_owned(), Set::new())])),
            conditions: Some(Json(json!([]))),
            ..identity
        };
        assert_eq!(
            names(&odd, PolicyKind::Resource),
            ["resources", "actions", "principals", "conditions"]
        );
    }
}
