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
    let with = |statement: Document| of(&json!({"Version": "2012-10-17", "Statement": statement}));
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
    let [trust] = <[_; 1]>::try_from(Policy::trusting("a.amazonaws.com").statements).expect("one");
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
