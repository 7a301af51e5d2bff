#include "views/view.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "query/binding/bind.hpp"
#include "query/parsing/parse.hpp"
#include "query/printing/print.hpp"
#include "query/tree/needs.hpp"
#include "query/tree/normal_form.hpp"
#include "views/argument_bytes.hpp"
#include "views/value_bytes.hpp"

namespace realmsync::views {

namespace {

// The objects that are both asked for and visible.
query::PredicatePtr seen(const query::Query& asked, const rules::ClassRights& rights) {
    return std::make_shared<const query::Predicate>(
        query::Predicate{query::Group{true, false, {asked.predicate, rights.view()}}});
}

std::vector<std::size_t> asked_by(const query::Query& query) {
    const query::Needs needs = query::needs_of(query);
    const auto found = needs.properties.find(query.cls);
    if (found == needs.properties.end())
        return {};
    return {found->second.begin(), found->second.end()};
}

query::Query query_of(const model::SchemaPtr& schema, const model::Class& cls,
                      query::PredicatePtr predicate) {
    query::Query query;
    query.schema = schema;
    query.cls = &cls;
    query.predicate = std::move(predicate);
    return query;
}

std::string flags_of(const std::vector<bool>& readable) {
    std::string flags;
    for (const bool flag : readable)
        flags += flag ? '1' : '0';
    return flags;
}

} // namespace

View::View(const model::SchemaPtr& schema, const QuerySet& queries,
           const rules::SessionRoles& roles) {
    for (const auto& [name, asked] : queries.queries)
        if (const auto rights = roles.rights(schema, name))
            add(schema, *asked.cls, seen(asked, *rights), rights->shown());
}

View::View(const model::SchemaPtr& schema, std::string_view bytes) {
    ValueReader reader(bytes);
    while (!reader.at_end()) {
        const model::Class* cls = schema->find(reader.text());
        const std::string_view text = reader.text();
        const std::vector<query::Argument> arguments = read_arguments(reader);
        std::vector<bool> readable;
        for (const char flag : reader.text())
            readable.push_back(flag == '1');
        if (cls == nullptr)
            continue;
        try {
            const query::Query query = query::bind(query::parse(text), schema, *cls, arguments);
            add(schema, *cls, query.predicate, std::move(readable));
        } catch (const query::QueryFault& fault) {
            corrupt("The view of a client file is damaged: " + std::string(fault.what()));
        }
    }
}

void View::add(const model::SchemaPtr& schema, const model::Class& cls,
               const query::PredicatePtr& stated, std::vector<bool> readable) {
    query::Query query = query_of(schema, cls, query::normalize(stated));
    const bool is_all_readable = std::ranges::find(readable, false) == readable.end();
    put_text(identity_, query::canonical_bytes(query));
    put_text(identity_, is_all_readable ? "*" : flags_of(readable));
    query::Evaluator evaluator(schema, query.predicate);
    std::vector<std::size_t> asked = asked_by(query);
    classes_.emplace(cls.name,
                     ClassView{&cls, std::move(query), std::move(evaluator), std::move(readable),
                               is_all_readable, stated, std::move(asked)});
}

std::string View::bytes() const {
    std::string bytes;
    for (const auto& [name, cls] : classes_) {
        const query::ExactText text =
            query::print_exact(query_of(cls.query.schema, *cls.cls, cls.stated));
        put_text(bytes, name);
        put_text(bytes, text.text);
        put_arguments(bytes, text.arguments);
        put_text(bytes, flags_of(cls.readable));
    }
    return bytes;
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

Presence View::before(const ObjectImages& images, query::Run& run) const {
    const query::Image image = images.image_before();
    return presence(images.existed ? &image : nullptr, run);
}

Presence View::after(const ObjectImages& images, query::Run& run) const {
    const query::Image image = images.image_after();
    return presence(images.exists ? &image : nullptr, run);
}

} // namespace realmsync::views
