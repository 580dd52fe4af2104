use serde_json::{Value, json};

use super::*;

fn run(text: &str, object: &Value) -> Result<String, String> {
    let program = Environment::new(&["object"]).compile(text).map_err(|why| format!("compile: {why}"))?;
    let bindings = Bindings::new(vec![Val::of(object)]);
    let outcome = program.run(&bindings, &mut Budget::default()).map_err(|fault| fault.to_string())?;
    Ok(match outcome {
        Val::Bool(truth) => truth.to_string(),
        other => format!("{}:{}", other.type_name(), run::shown(&other)),
    })
}

#[test]
fn expressions_are_what_they_say() {
    let object = json!({"metadata": {"name": "web", "labels": {"a": "b"}}, "spec": {"replicas": 3, "ports": [80, 443], "none": null}});
    for text in [
        "object.metadata.name == 'web' && object.spec.replicas < 4 && object.spec.replicas >= 3.0",
        "has(object.metadata.labels) && !has(object.metadata.annotations) && !has(object.spec.none.x)",
        "object.spec.ports.all(p, p > 1) && object.spec.ports.exists(p, p == 443) && object.spec.ports.exists_one(p, p == 80)",
        "object.spec.ports.map(p, p + 1) == [81, 444] && object.spec.ports.filter(p, p > 80) == [443]",
        "object.spec.ports.all(i, p, i < 2 && p > 1) && {'a': 1}.exists(k, v, k == 'a' && v == 1)",
        "['a', 'b'].transformList(i, v, i > 0, v + v) == ['bb'] && {'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
        "{'a': 'x'}.transformMapEntry(k, v, {v: k}) == {'x': 'a'} && [3, 1, 2].sortBy(x, -x) == [3, 2, 1]",
        "'a' in object.metadata.labels && 80 in object.spec.ports && object.metadata.labels['a'] == 'b'",
        "object.?spec.?nope.orValue(5) == 5 && object.spec.?replicas.optMap(r, r * 2).value() == 6",
        "'%s has %d of %.1f'.format(['a', 2, 1.25]) in ['a has 2 of 1.2', 'a has 2 of 1.3'] && 'a,b'.split(',').join('-') == 'a-b'",
        "'hello'.substring(1, 3) == 'el' && 'hello'.indexOf('l') == 2 && 'hello'.lastIndexOf('l') == 3 && 'Ab'.lowerAscii() == 'ab'",
        "'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'abc'.matches('^a.c$') && 'a1'.find('[0-9]') == '1'",
        "quantity('1Gi').isGreaterThan(quantity('1000M')) && quantity('50k').add(20).sub(1).asInteger() == 50019 && !isQuantity('x')",
        "ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsCIDR('11.0.0.0/16')",
        "cidr('10.1.0.0/8').masked().ip() == ip('10.0.0.0') && ip.isCanonical('::1') && !isIP('1.2.3')",
        "url('https://a.b:80/c?d=e').getHostname() == 'a.b' && url('https://a.b:80/c?d=e').getQuery()['d'] == ['e'] && !isURL('x')",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('v1.2', true).patch() == 0 && !isSemver('1.2')",
        "sets.contains([1, 2], [2]) && sets.intersects([1], [1, 3]) && !sets.equivalent([1], [2]) && [2, 1].max() == 2 && [1, 2].sum() == 3",
        "!format.dns1123Label().validate('abc').hasValue() && format.named('dns1123Label').value().validate('A_').hasValue()",
        "timestamp('2024-02-03T04:05:06Z').getMonth() == 1 && duration('90m') > duration('1h') && duration('1h').getMinutes() == 60",
        "timestamp('2024-01-01T00:00:00Z') + duration('24h') == timestamp('2024-01-02T00:00:00Z')",
        "cel.bind(x, object.spec.replicas, x * x) == 9 && type(1) == int && string(1) == '1' && int('7') == 7 && size('äö') == 2",
        "(object.nope == 1 || true) && !(object.nope == 1 && false) && [[1], [2, 3]].flatten() == [1, 2, 3]",
        "dyn(1) == 1.0 && 1 != 'a' && {'a': [1]} == {'a': [1]} && [1, 2].isSorted() && lists.range(3) == [0, 1, 2]",
    ] {
        assert_eq!(run(text, &object), Ok("true".to_owned()), "{text}");
    }
}

#[test]
fn what_goes_wrong_is_said_as_upstream_says_it() {
    let object = json!({"spec": {"list": [1]}});
    for (text, why) in [
        ("object.data.zz == 'a'", "no such key: data"),
        ("object.spec.list[3] == 1", "index out of bounds: 3"),
        ("object.spec + 1 == 2", "no such overload"),
        ("1 / (object.spec.list[0] - 1) == 0", "division by zero"),
        ("object.spec.list.all(x, x.y)", "no such key: y"),
        ("optional.none().value()", "optional.none() dereference"),
        ("9223372036854775807 + object.spec.list[0] > 0", "integer overflow"),
    ] {
        assert_eq!(run(text, &object), Err(why.to_owned()), "{text}");
    }
    assert!(run("nope(1)", &object).is_err_and(|why| why.starts_with("compile: undeclared reference")));
    assert!(run("object.nope()", &object).is_err_and(|why| why.starts_with("compile: undeclared reference")));
}

#[test]
fn an_expression_that_takes_too_long_is_stopped() {
    let object = json!({"list": (0..1000).collect::<Vec<i32>>()});
    let l = "object.list";
    for text in [
        format!("{l}.all(a, {l}.all(b, {l}.all(c, a + b + c >= 0)))"),
        format!("{l}.map(a, {l}.map(b, {l}.map(c, c))).size() > 0"),
        format!("{l}.exists(a, {l}.exists(b, {l}.exists(c, false)) || false)"),
        "lists.range(100000000).size() > 0".to_owned(),
    ] {
        assert_eq!(run(&text, &object), Err("operation cancelled: actual cost limit exceeded".to_owned()), "{text}");
    }
    let deep = format!("{}1{} == 1", "(".repeat(5000), ")".repeat(5000));
    assert!(run(&deep, &object).is_err());
}
