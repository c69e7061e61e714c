//! The sizes of tasks on Fargate.

use crate::prelude::*;

/// What the numbers of a size count.
const UNITS: [(&str, &str); 2] = [
    ("cpu", "in units, of which a virtual CPU has 1024"),
    ("memory", "in MiB, of which a GiB has 1024"),
];

/// What is wrong with `cpu`, in units, and `memory`, in MiB, on Fargate.
///
/// See [task size](https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html).
fn fargate_size(cpu: i32, memory: i32) -> Vec<Failure> {
    let mut pairs = vec![(256, 512), (256, 1024), (256, 2048)];
    let steps = [
        (512, 1024, 4096, 1024),
        (1024, 2048, 8192, 1024),
        (2048, 4096, 16_384, 1024),
        (4096, 8192, 30_720, 1024),
        (8192, 16_384, 61_440, 4096),
        (16_384, 32_768, 122_880, 8192),
    ];
    for (cpu, least, most, step) in steps {
        pairs.extend((least..=most).step_by(step).map(|memory| (cpu, memory)));
    }
    if pairs.contains(&(cpu, memory)) {
        return Vec::new();
    }
    let failure = |path: &str, reason: String| Failure {
        path: path.to_owned(),
        reason,
    };
    // Nothing is as small in units or MiB as what somebody means in whole ones.
    let meant = |n: i32, is_known: &dyn Fn(i32) -> bool| {
        let units = n
            .checked_mul(1024)
            .filter(|units| n < 256 && is_known(*units));
        units.map(|units| format!("; for {n} give {units}"))
    };
    let cpu_meant = meant(cpu, &|units| pairs.iter().any(|pair| pair.0 == units));
    let memory_meant = meant(memory, &|units| pairs.iter().any(|pair| pair.1 == units));
    let meant = UNITS.into_iter().zip([cpu_meant, memory_meant]);
    let meant = meant
        .filter_map(|((path, unit), meant)| Some(failure(path, format!("is {unit}{}", meant?))));
    let meant: Vec<_> = meant.collect();
    if !meant.is_empty() {
        return meant;
    }
    let ratio = |a: i32, b: i32| (f64::from(a.max(1)) / f64::from(b)).log2().abs();
    let far = |pair: &(i32, i32)| ratio(cpu, pair.0) + ratio(memory, pair.1);
    pairs.sort_by(|a, b| far(a).total_cmp(&far(b)));
    let nearest: Vec<_> = pairs
        .iter()
        .take(3)
        .map(|(c, m)| format!("{c} with {m}"))
        .collect();
    let path = match pairs.iter().any(|pair| pair.0 == cpu) {
        true => "memory",
        false => "cpu",
    };
    let nearest = nearest.join(", ");
    let reason =
        format!("Fargate has no cpu {cpu} with memory {memory}; the nearest are {nearest}");
    vec![failure(path, reason)]
}

/// Refuses a size that Fargate does not have, of the properties `cpu` and `memory`.
pub(crate) fn check_size(check: &mut Check<'_>, cpu: Option<i32>, memory: Option<i32>) {
    for failure in &mut check.failures {
        let unit = UNITS.iter().find(|(field, _)| failure.path == *field);
        if let (Some((_, unit)), true) = (unit, failure.reason.starts_with("must be a whole")) {
            failure.reason += &format!("; it is {unit}");
        }
    }
    let (Some(cpu), Some(memory)) = (cpu, memory) else {
        return;
    };
    for failure in fargate_size(cpu, memory) {
        // What the program does not say is nothing that it could change.
        let other = if failure.path == "cpu" {
            "memory"
        } else {
            "cpu"
        };
        let path = match check.has(&failure.path) || !check.has(other) {
            true => failure.path,
            false => other.to_owned(),
        };
        check.fail(path, failure.reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_fargate_lacks_name_the_nearest() {
        let sizes = [
            (256, 512),
            (512, 3072),
            (4096, 30_720),
            (8192, 20_480),
            (16_384, 122_880),
        ];
        assert!(
            sizes
                .iter()
                .all(|(cpu, memory)| fargate_size(*cpu, *memory).is_empty())
        );
        let wrong = |cpu, memory| {
            let found = fargate_size(cpu, memory).into_iter();
            found
                .map(|failure| failure.to_string())
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(
            wrong(1, 4),
            "cpu: is in units, of which a virtual CPU has 1024; for 1 give 1024\n\
             memory: is in MiB, of which a GiB has 1024; for 4 give 4096"
        );
        assert_eq!(
            wrong(1024, 1500),
            "memory: Fargate has no cpu 1024 with memory 1500; the nearest are 1024 with 2048, 1024 with 3072, 512 with 2048"
        );
        assert!(wrong(256, 4096).contains("256 with 2048"));
        assert!(wrong(256, 256).contains("256 with 512"));
        assert!(wrong(0, -1).contains("256 with 512"));
    }
}
