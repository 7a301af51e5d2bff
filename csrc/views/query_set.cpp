#include "views/query_set.hpp"

#include <algorithm>
#include <utility>

#include "query/binding/bind.hpp"
#include "query/parsing/parse.hpp"
#include "query/tree/normal_form.hpp"
#include "rules/subscription.hpp"
#include "wire/query_body.hpp"

namespace realmsync::views {

namespace {

constexpr std::size_t kMaxBody = 1 << 20;   // bytes, of all
constexpr std::size_t kMaxText = 256 << 10; // bytes, for all subscriptions of a class together
constexpr std::size_t kMaxClasses = 1000;
constexpr std::size_t kMaxTerms = 20'000; // each is looked at for each object that changes

std::string refused(std::string_view cls, const std::string& why) {
    return "Invalid query: \"" + std::string(cls) + "\": " + why;
}

// Sorts, geo shapes and links lead elsewhere or are no scalars; their own rules say which may be
// asked about.
std::optional<std::string> refusal_of(const query::Query& query, const QueryableFields& fields,
                                      std::set<std::string>& discovered) {
    if (!query.clauses.empty())
        return "SORT, DISTINCT and LIMIT cannot be subscribed to";
    const rules::SubscribedQuery asked = rules::subscribed(query);
    if (!asked.unsupported.empty())
        return asked.unsupported + " cannot be subscribed to";
    for (const std::string& field : asked.fields) {
        if (fields.has(*query.cls, field))
            continue;
        if (!fields.takes_all)
            return "key \"" + field + "\" is not a queryable field";
        discovered.insert(field);
    }
    if (fields.indexed && !asked.pinned.contains(*fields.indexed))
        return "key \"" + *fields.indexed +
               "\" is an indexed queryable field: every query must name the values that it may "
               "have, as in " +
               *fields.indexed + " == $0 or " + *fields.indexed +
               " IN {$0, $1}, alone or joined to the rest by AND";
    return std::nullopt;
}

query::Query understand(const std::string& text, const model::SchemaPtr& schema,
                        const model::Class& cls) {
    query::ParseOptions parsing;
    parsing.is_subscription = true;
    parsing.limits.terms = kMaxTerms;
    query::BindOptions binding;
    binding.is_subscription = true;
    return query::bind(query::parse(text, parsing), schema, cls, {}, binding);
}

} // namespace

bool QueryableFields::has(const model::Class& cls, std::string_view field) const {
    if (of_all.contains(field) || (cls.has_key_property && cls.key_name() == field))
        return true;
    const auto own = of_class.find(cls.name);
    return own != of_class.end() && own->second.contains(field);
}

std::string QuerySet::canonical_bytes() const {
    std::string bytes;
    for (const auto& [name, query] : queries) {
        const std::string one = query::canonical_bytes(query);
        bytes += std::to_string(one.size()) + ' ' + one; // the class is among them
    }
    return bytes;
}

std::variant<QuerySet, std::string> read_query_set(std::string_view body,
                                                   const model::SchemaPtr& schema,
                                                   const QueryableFields& fields) {
    if (body.size() > kMaxBody)
        return "Invalid query: the query set has more than " + std::to_string(kMaxBody) + " bytes";
    auto texts = wire::parse_query_body(body);
    if (!texts)
        return "Client provided query with bad syntax: " + texts.error().message;
    if (texts->size() > kMaxClasses)
        return "Invalid query: more than " + std::to_string(kMaxClasses) + " classes";
    QuerySet set;
    for (const auto& [name, text] : *texts) {
        const model::Class* cls = schema->find(name);
        if (cls == nullptr)
            return refused(name, "there is no such class");
        if (cls->kind != TableKind::top_level)
            return refused(name, "only top-level classes can be subscribed to");
        if (text.size() > kMaxText)
            return refused(name, "the query has more than " + std::to_string(kMaxText) + " bytes");
        try {
            query::Query query = understand(text, schema, *cls);
            std::set<std::string> discovered;
            if (auto refusal = refusal_of(query, fields, discovered))
                return refused(name, *refusal);
            if (!discovered.empty())
                set.discovered.emplace(name, std::move(discovered));
            set.queries.emplace(name, std::move(query));
        } catch (const query::QueryFault& fault) {
            return "Invalid query: invalid RQL for table \"" + name + "\": " + fault.what();
        }
    }
    return set;
}

} // namespace realmsync::views
