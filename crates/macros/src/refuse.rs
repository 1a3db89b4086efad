//! Errors for functions that cannot be coalesced, each with the alternative.

use quote::quote;
use syn::{Error, FnArg, GenericParam, Receiver, ReceiverKind, Result, ReturnType, Type};

use crate::function::{Found, Function, bare, named};
use crate::key::{self, Key};
use crate::output;
use crate::settings::Settings;

/// All errors of a function, combined into one.
#[derive(Default)]
struct Refusals(Option<Error>);

impl Refusals {
    fn add(&mut self, refusal: Error) {
        match &mut self.0 {
            Some(refusals) => refusals.combine(refusal),
            none => *none = Some(refusal),
        }
    }

    fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|refusal| self.add(refusal)).ok()
    }
}

/// The key of the function, or all reasons why it cannot be coalesced.
pub(crate) fn check<'a>(function: &'a Function, settings: &'a Settings) -> Result<Key<'a>> {
    let mut refusals = Refusals::default();
    qualifiers(function, &mut refusals);
    receiver(function, settings, &mut refusals);
    arguments(function, settings, &mut refusals);
    generics(function, settings, &mut refusals);
    returned(function, &mut refusals);
    words(function, settings, &mut refusals);
    let key = refusals.take(Key::of(function, settings));
    for part in key.iter().flat_map(Key::parts) {
        refusals.take(key::refuse_part(part));
    }
    match (key, refusals.0) {
        (_, Some(refusals)) => Err(refusals),
        (Some(key), None) => Ok(key),
        (None, None) => unreachable!("the error of the key is among the refusals"),
    }
}

fn qualifiers(function: &Function, refusals: &mut Refusals) {
    let sig = &function.sig;
    if let Some(asyncness) = &sig.asyncness {
        let what = "an `async fn` cannot be coalesced, as its callers wait by blocking their \
                    threads; make it a plain `fn`, and call that where blocking is allowed, as in \
                    `spawn_blocking`";
        refusals.add(Error::new_spanned(asyncness, what));
    }
    if let Some(constness) = &sig.constness {
        let what = "a `const fn` cannot be coalesced, as it runs where there are no threads; make \
                    it a plain `fn`";
        refusals.add(Error::new_spanned(constness, what));
    }
    if let Some(variadic) = &sig.variadic {
        refusals.add(Error::new_spanned(variadic, "a key cannot contain variadic arguments"));
    }
}

fn receiver(function: &Function, settings: &Settings, refusals: &mut Refusals) {
    let Some(receiver) = function.receiver() else { return };
    if is_mutable(receiver) {
        let what = "calls that share an execution would not see a change to `self`; take `&self`";
        refusals.add(Error::new_spanned(receiver, what));
    }
    if settings.key.is_none() && settings.group.is_none() && !settings.skips("self") {
        let what = "say how `self` relates to the key: `group = self.field` for flights of its own in \
                    each value, `skip(self)` where all values of this type may share, or \
                    `key: Type = (self.id, ..)`";
        refusals.add(Error::new(receiver.self_token.span, what));
    }
    if let Some(associated) = settings.said("associated") {
        refusals.add(Error::new(associated, "is implied by `self`; leave it out"));
    }
}

fn is_mutable(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
        ReceiverKind::Typed(_, ty) => {
            matches!(bare(ty), Type::Reference(reference) if reference.mutability.is_some())
        }
        _ => false,
    }
}

fn arguments(function: &Function, settings: &Settings, refusals: &mut Refusals) {
    for argument in function.typed() {
        if let Some(found) = Found::in_type(&argument.ty).impls.first() {
            let what = "give this type a name, as in `fn f<T: Trait>(argument: T)`, so that it can \
                        tell the function's flights apart";
            refusals.add(Error::new_spanned(found.impl_token, what));
        }
        let Some(argument) = refusals.take(named(argument)) else { continue };
        let mutability = argument.referred().and_then(|reference| reference.mutability);
        let name = argument.name;
        if let Some(mutability) = mutability.filter(|_| !settings.skips(&name.to_string())) {
            let what = format!(
                "calls that share an execution would not see a change to this argument; return the \
                 change, or write `skip({name})` if the argument is only a tool, such as a buffer"
            );
            refusals.add(Error::new_spanned(mutability, what));
        }
    }
}

fn generics(function: &Function, settings: &Settings, refusals: &mut Refusals) {
    if settings.key.is_some() {
        return;
    }
    let parameter = function.sig.generics.params.iter().find_map(|parameter| match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        GenericParam::Const(parameter) => Some(&parameter.ident),
        GenericParam::Lifetime(_) => None,
    });
    if let Some(parameter) = parameter {
        let what = "a generic function must state its key: `key = argument`, \
                    `key = (one, another)` or `key: Type = expression`; each choice of types has \
                    flights of its own";
        refusals.add(Error::new_spanned(parameter, what));
    }
}

fn returned(function: &Function, refusals: &mut Refusals) {
    let ReturnType::Type(_, ty) = &function.sig.output else { return };
    let found = Found::in_type(ty);
    if let Some(found) = found.impls.first() {
        let what = "name the type, or box it: all callers share one value of it";
        refusals.add(Error::new_spanned(found.impl_token, what));
    }
    let what = "the returned value is shared with other calls and may outlive this one; return \
                an owned value";
    if let Some(refusal) = found.borrowed(what) {
        refusals.add(refusal);
    }
}

fn words(function: &Function, settings: &Settings, refusals: &mut Refusals) {
    for name in &settings.skip {
        let is_argument = function.sig.inputs.iter().any(|input| match input {
            FnArg::Receiver(_) => name == "self",
            FnArg::Typed(argument) => named(argument).is_ok_and(|argument| argument.name == name),
        });
        if !is_argument {
            refusals.add(Error::new(name.span(), format!("there is no argument `{name}`")));
        }
    }
    if let Some((word, _)) = &settings.error_sharing {
        if !output::is_fallible(&function.sig) {
            let what = "the function returns no `Result`, so there is no error to share; leave \
                        `share_error_with` out, or give its values a rule with `share_with`";
            refusals.add(Error::new(word.span(), what));
        }
    }
    if let Some(group) = &settings.group {
        for setting in settings.of_builder() {
            let group = quote!(#group).to_string().replace(" . ", ".");
            let what = format!(
                "belongs to the builder of the group that `group = ..` names; write \
                 `Group::builder().{setting}(..)` where `{group}` is made"
            );
            refusals.add(Error::new(setting.span(), what));
        }
    }
}
