#include "views/view.hpp"

#include <utility>

#include "query/tree/normal_form.hpp"

namespace realmsync::views {

namespace {

// The objects that are both asked for and visible.
query::Query seen(const query::Query& asked, const rules::ClassRights& rights) {
    query::Query query = asked;
    query.predicate = query::normalize(std::make_shared<const query::Predicate>(
        query::Predicate{query::Group{true, false, {asked.predicate, rights.view()}}}));
    return query;
}

void append(std::string& bytes, std::string_view part) {
    bytes += std::to_string(part.size());
    bytes += ' ';
    bytes += part;
}

} // namespace

View::View(const model::SchemaPtr& schema, const QuerySet& queries, const Rights& rights) {
    for (const auto& [name, asked] : queries.queries) {
        const auto right = rights.find(name);
        if (right == rights.end())
            continue;
        query::Query query = seen(asked, *right->second);
        append(identity_, query::canonical_bytes(query));
        const std::vector<bool>& readable = right->second->readable();
        append(identity_, std::string(readable.begin(), readable.end()));
        query::Evaluator evaluator(schema, query.predicate);
        classes_.emplace(name,
                         ClassView{query.cls, std::move(query), std::move(evaluator), readable});
    }
}

const ClassView* View::find(std::string_view cls) const {
    const auto found = classes_.find(cls);
    return found == classes_.end() ? nullptr : &found->second;
}

Presence View::presence(const query::Image* object, query::Run& run) const {
    if (object == nullptr)
        return Presence::absent;
    const ClassView* cls = find(object->cls->name);
    return cls != nullptr && cls->evaluator.matches(*object, run) ? Presence::inside
                                                                  : Presence::outside;
}

} // namespace realmsync::views
