// From syntax to the typed tree: names are resolved against a schema, constants and arguments are
// converted to the type that they meet, and what the language refuses is refused, with the messages
// of query-language.md section 18.
#include "query/binding/bind.hpp"

#include "base/assert.hpp"
#include "query/binding/binder.hpp"
#include "query/tree/soundness.hpp"

namespace realmsync::query {

void refuse(const std::string& message, syntax::Position position) {
    throw QueryFault(FaultKind::invalid_query, message, position);
}

void refuse_argument(const std::string& message, syntax::Position position) {
    throw QueryFault(FaultKind::invalid_argument, message, position);
}

Binder::Binder(const model::SchemaPtr& schema, const model::Class& cls,
               std::span<const Argument> arguments, const BindOptions& options)
    : schema_(schema), cls_(&cls), arguments_(arguments), options_(options),
      names_(options.mapping) {}

Query bind(const syntax::Query& text, const model::SchemaPtr& schema, const model::Class& cls,
           std::span<const Argument> arguments, const BindOptions& options) {
    Binder binder(schema, cls, arguments, options);
    Query query;
    query.schema = schema;
    query.cls = &cls;
    query.predicate = binder.predicate(text.predicate);
    query.clauses = binder.clauses(text.clauses);
    REALMSYNC_ASSERT(unsoundness(query).empty());
    return query;
}

} // namespace realmsync::query
