//! `#[derive(Props)]`: a struct of properties as a table, and the same struct with every field an `Output`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Attribute, Data, DeriveInput, Expr, Fields, GenericArgument, Ident, Lit, Meta, PathArguments,
    Type,
};

/// Derives `Props`, `Property` and the lifted struct: `SubnetInputs` gives `SubnetArgs`, `SubnetOutputs` gives
/// `SubnetFields`, any other `Name` gives `NameArgs`.
///
/// A field's `#[prop(...)]` takes `replace`, `plain` (known when the program runs: lifted to the value itself), `given` (whether it is there is known, what it is need not be: lifted to `Option<Output<..>>`),
/// `input_only`, `digest`, `follows(input, ...)`, `default = EXPRESSION` (`None` where a property that is absent stands for there
/// being none, so that one set by somebody else is drift) and `check = FUNCTION`, which is given a reference to the value
/// and answers `Result<(), String>`.
#[proc_macro_derive(Props, attributes(prop))]
pub fn props(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

#[derive(Default)]
struct Attributes {
    replace: bool,
    plain: bool,
    given: bool,
    input_only: bool,
    digest: bool,
    follows: Vec<String>,
    default: Option<Expr>,
    check: Option<Expr>,
}

struct Property<'a> {
    ident: &'a Ident,
    wire: String,
    ty: &'a Type,
    inner: &'a Type,
    doc: String,
    attributes: Attributes,
}

fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(
            &input.ident,
            "Props needs a struct",
        ));
    };
    let properties: Vec<Property<'_>> = match &data.fields {
        Fields::Named(fields) => fields
            .named
            .iter()
            .map(property)
            .collect::<syn::Result<_>>()?,
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => {
            return Err(syn::Error::new_spanned(
                &input.ident,
                "Props needs named fields",
            ));
        }
    };
    let (name, vis, doc) = (&input.ident, &input.vis, doc(&input.attrs));
    let idents: Vec<_> = properties.iter().map(|p| p.ident).collect();
    let wires: Vec<_> = properties.iter().map(|p| &p.wire).collect();
    let rows = properties.iter().map(row);
    let indices = 0..properties.len();

    let lifted = lifted_name(name);
    let lifted_doc = format!("[`{name}`] with outputs for values.");
    let members = properties.iter().map(|p| {
        let (ident, ty, inner, doc) = (p.ident, p.ty, p.inner, &p.doc);
        let ty = match &p.attributes {
            Attributes { plain: true, .. } => {
                quote!(<#ty as ::pulumi_aws_framework::output::Lift>::Args)
            }
            Attributes { given: true, .. } => {
                quote!(Option<::pulumi_aws_framework::output::Output<#inner>>)
            }
            _ => quote!(::pulumi_aws_framework::output::Output<#inner>),
        };
        quote!(#[doc = #doc] pub #ident: #ty)
    });
    let any_plain = properties
        .iter()
        .any(|p| p.attributes.plain || p.attributes.given);
    let lift = if any_plain {
        let parts = properties.iter().enumerate().map(|(i, p)| {
            let (ident, ty, inner) = (p.ident, p.ty, p.inner);
            match &p.attributes {
                Attributes { plain: true, .. } => {
                    quote!(#ident: ::pulumi_aws_framework::output::lift_field::<#ty>(&value, &table.fields[#i])?)
                }
                Attributes { given: true, .. } => {
                    quote!(#ident: ::pulumi_aws_framework::output::Output::<#inner>::given_field(&value, &table.fields[#i]))
                }
                _ => quote!(#ident: ::pulumi_aws_framework::output::Output::<#inner>::of_field(&value, &table.fields[#i])),
            }
        });
        quote! {
            impl ::pulumi_aws_framework::output::Lift for #name {
                type Args = #lifted;
                fn lift(value: ::pulumi_aws_framework::value::Value) -> Result<#lifted, ::pulumi_aws_framework::props::Failure> {
                    let table = <Self as ::pulumi_aws_framework::props::Props>::table();
                    Ok(#lifted { #(#parts,)* })
                }
            }
        }
    } else {
        let parts = properties.iter().enumerate().map(|(i, p)| {
            let ident = p.ident;
            quote!(#ident: whole.field_of(&table.fields[#i]))
        });
        quote! {
            impl ::pulumi_aws_framework::output::Lift for #name {
                type Args = #lifted;
                fn lift(value: ::pulumi_aws_framework::value::Value) -> Result<#lifted, ::pulumi_aws_framework::props::Failure> {
                    Ok(::pulumi_aws_framework::output::Output::<Self>::from_value(value).fields())
                }
            }
            impl ::pulumi_aws_framework::output::Fields for #name {
                type Fields = #lifted;
                #[allow(unused_variables)]
                fn project(whole: &::pulumi_aws_framework::output::Output<Self>) -> #lifted {
                    let table = <Self as ::pulumi_aws_framework::props::Props>::table();
                    #lifted { #(#parts,)* }
                }
                fn collect(fields: #lifted) -> ::pulumi_aws_framework::output::Output<Self> {
                    ::pulumi_aws_framework::output::Output::object::<&str>([#((#wires, fields.#idents.erase()),)*])
                }
            }
            impl From<#lifted> for ::pulumi_aws_framework::output::Output<#name> {
                fn from(fields: #lifted) -> Self {
                    <#name as ::pulumi_aws_framework::output::Fields>::collect(fields)
                }
            }
        }
    };
    let tags = properties.iter().find(|p| is_tags(p));
    let tags = tags.map(|p| {
        let ident = p.ident;
        quote! {
            fn tags(&self) -> Option<&::pulumi_aws_framework::context::Tags> {
                self.#ident.as_ref()
            }
            fn set_tags(&mut self, tags: Option<::pulumi_aws_framework::context::Tags>) {
                self.#ident = tags;
            }
        }
    });
    let default = (!any_plain).then(|| quote!(#[derive(Default)]));
    Ok(quote! {
        impl ::pulumi_aws_framework::props::Props for #name {
            fn table() -> &'static ::pulumi_aws_framework::props::Table {
                static TABLE: std::sync::LazyLock<::pulumi_aws_framework::props::Table> = std::sync::LazyLock::new(|| ::pulumi_aws_framework::props::Table {
                    name: stringify!(#name),
                    doc: #doc,
                    fields: vec![#(#rows,)*],
                });
                &TABLE
            }
            #tags
        }

        impl ::pulumi_aws_framework::props::Property for #name {
            fn ty() -> ::pulumi_aws_framework::props::Type {
                ::pulumi_aws_framework::props::Type::Object(<Self as ::pulumi_aws_framework::props::Props>::table())
            }
            #[allow(unused_variables)]
            fn decode(value: &::pulumi_aws_framework::value::Value) -> Result<Self, ::pulumi_aws_framework::props::Failure> {
                let table = <Self as ::pulumi_aws_framework::props::Props>::table();
                Ok(Self { #(#idents: ::pulumi_aws_framework::props::decode_field(value, &table.fields[#indices])?,)* })
            }
            fn encode(&self) -> ::pulumi_aws_framework::value::Value {
                let fields: Vec<(String, ::pulumi_aws_framework::value::Value)> =
                    vec![#((#wires.to_owned(), ::pulumi_aws_framework::props::Property::encode(&self.#idents)),)*];
                ::pulumi_aws_framework::value::Value::Object(fields.into_iter().filter(|(_, v)| !v.is_null()).collect())
            }
        }

        #[doc = #lifted_doc]
        #[derive(Clone)]
        #default
        #vis struct #lifted { #(#members,)* }

        #lift
    })
}

/// Whether it is the object's tags.
fn is_tags(p: &Property<'_>) -> bool {
    let Type::Path(path) = p.inner else {
        return false;
    };
    let is_type = path.path.segments.last().is_some_and(|s| s.ident == "Tags");
    is_type && p.ident == "tags" && option_inner(p.ty).is_some()
}

fn row(p: &Property<'_>) -> TokenStream {
    let (wire, doc, ty, inner) = (&p.wire, &p.doc, p.ty, p.inner);
    let Attributes {
        replace,
        plain,
        input_only,
        digest,
        follows,
        default,
        check,
        ..
    } = &p.attributes;
    let required = match default {
        Some(_) => quote!(false),
        None => quote!(<#ty as ::pulumi_aws_framework::props::Property>::REQUIRED),
    };
    let default = match default {
        Some(Expr::Path(nothing)) if nothing.path.is_ident("None") => {
            quote!(Some(::pulumi_aws_framework::value::Value::Null))
        }
        Some(value) => {
            quote!(Some(::pulumi_aws_framework::props::Property::encode(&<#inner>::from(#value))))
        }
        None => quote!(None),
    };
    let rule = match check {
        Some(check) => quote!(Some(|value| {
            let value = <#inner as ::pulumi_aws_framework::props::Property>::decode(value).map_err(|e| e.reason)?;
            #check(&value)
        })),
        None => quote!(None),
    };
    quote! {
        ::pulumi_aws_framework::props::Field {
            name: #wire,
            doc: #doc,
            ty: <#ty as ::pulumi_aws_framework::props::Property>::ty(),
            required: #required,
            replace: #replace,
            secret: <#ty as ::pulumi_aws_framework::props::Property>::SECRET,
            plain: #plain,
            input_only: #input_only,
            digest: #digest,
            follows: &[#(#follows),*],
            default: #default,
            rule: #rule,
        }
    }
}

fn property(field: &syn::Field) -> syn::Result<Property<'_>> {
    let Some(ident) = field.ident.as_ref() else {
        return Err(syn::Error::new_spanned(field, "Props needs named fields"));
    };
    let mut attributes = Attributes::default();
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("prop")) {
        attribute.parse_nested_meta(|meta| {
            let key = meta
                .path
                .get_ident()
                .map(ToString::to_string)
                .unwrap_or_default();
            match key.as_str() {
                "replace" => attributes.replace = true,
                "secret" => {
                    return Err(meta.error("a secret has the type SecretText, and no attribute"));
                }
                "plain" => attributes.plain = true,
                "given" => attributes.given = true,
                "input_only" => attributes.input_only = true,
                "digest" => attributes.digest = true,
                "follows" => {
                    meta.parse_nested_meta(|input| {
                        let ident = input
                            .path
                            .get_ident()
                            .ok_or_else(|| input.error("name an input"))?;
                        attributes.follows.push(camel(&ident.to_string()));
                        Ok(())
                    })?;
                }
                "default" => attributes.default = Some(meta.value()?.parse()?),
                "check" => attributes.check = Some(meta.value()?.parse()?),
                _ => return Err(meta.error("unknown property attribute")),
            }
            Ok(())
        })?;
    }
    let inner = option_inner(&field.ty).unwrap_or(&field.ty);
    Ok(Property {
        ident,
        wire: camel(&ident.to_string()),
        ty: &field.ty,
        inner,
        doc: doc(&field.attrs),
        attributes,
    })
}

fn option_inner(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|s| s.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

fn lifted_name(name: &Ident) -> Ident {
    let text = name.to_string();
    match (text.strip_suffix("Inputs"), text.strip_suffix("Outputs")) {
        (Some(stem), _) => format_ident!("{stem}Args"),
        (_, Some(stem)) => format_ident!("{stem}Fields"),
        _ => format_ident!("{text}Args"),
    }
}

fn doc(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter(|a| a.path().is_ident("doc"))
        .filter_map(|a| match &a.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value().trim_start().to_owned()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

fn camel(snake: &str) -> String {
    let mut words = snake.trim_start_matches("r#").split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let mut letters = word.chars();
        all.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        all.extend(letters);
        all
    })
}
