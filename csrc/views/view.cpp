#include "views/view.hpp"

#include <algorithm>
#include <set>
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

constexpr std::uint64_t kMostParts = 2; // of a class: a role has two filters

query::PredicatePtr both(const query::PredicatePtr& one, const query::PredicatePtr& other) {
    return std::make_shared<const query::Predicate>(
        query::Predicate{query::Group{true, false, {one, other}}});
}

void add_asked(const query::Query& query, std::set<std::size_t>& asked) {
    const query::Needs needs = query::needs_of(query);
    if (const auto found = needs.properties.find(query.cls); found != needs.properties.end())
        asked.insert(found->second.begin(), found->second.end());
}

query::Query query_of(const model::SchemaPtr& schema, const model::Class& cls,
                      query::PredicatePtr predicate) {
    query::Query query;
    query.schema = schema;
    query.cls = &cls;
    query.predicate = std::move(predicate);
    return query;
}

void put_predicate(std::string& bytes, const query::Query& query) {
    const query::ExactText text = query::print_exact(query);
    put_text(bytes, text.text);
    put_arguments(bytes, text.arguments);
}

// Null without a class.
query::PredicatePtr read_predicate(ValueReader& reader, const model::SchemaPtr& schema,
                                   const model::Class* cls) {
    const std::string_view text = reader.text();
    const std::vector<query::Argument> arguments = read_arguments(reader);
    if (cls == nullptr)
        return nullptr;
    try {
        return query::bind(query::parse(text), schema, *cls, arguments).predicate;
    } catch (const query::QueryFault& fault) {
        corrupt("The view of a client file is damaged: " + std::string(fault.what()));
    }
}

void put_fields(std::string& bytes, const rules::Fields& fields) {
    put_number(bytes, fields.is_all_but() ? 1 : 0);
    put_number(bytes, fields.names().size());
    for (const std::string& name : fields.names())
        put_text(bytes, name);
}

rules::Fields read_fields(ValueReader& reader) {
    const bool is_all_but = reader.number() != 0;
    rules::Fields::Names names;
    for (std::uint64_t left = reader.number(); left != 0; --left)
        names.emplace(reader.text());
    return is_all_but ? rules::Fields::all_but(std::move(names))
                      : rules::Fields::only(std::move(names));
}

} // namespace

View::View(const model::SchemaPtr& schema, const QuerySet& queries,
           const rules::SessionRoles& roles) {
    for (const auto& [name, asked] : queries.queries)
        if (const auto rights = roles.rights(schema, name))
            add(schema, *asked.cls, both(asked.predicate, rights->view()), rights->shown(),
                rights->shown_of_some());
}

View::View(const model::SchemaPtr& schema, std::string_view bytes) {
    ValueReader reader(bytes);
    while (!reader.at_end()) {
        const model::Class* cls = schema->find(reader.text());
        const query::PredicatePtr stated = read_predicate(reader, schema, cls);
        const rules::Fields shown = read_fields(reader);
        std::vector<rules::Sight> of_some;
        const std::uint64_t parts = reader.number();
        if (parts > kMostParts)
            corrupt("The view of a client file is damaged: it shows too many parts.");
        for (std::uint64_t i = 0; i < parts; ++i) {
            query::PredicatePtr of = read_predicate(reader, schema, cls);
            of_some.push_back({std::move(of), read_fields(reader)});
        }
        if (cls != nullptr)
            add(schema, *cls, stated, shown, of_some);
    }
}

void View::add(const model::SchemaPtr& schema, const model::Class& cls,
               const query::PredicatePtr& stated, const rules::Fields& shown,
               std::span<const rules::Sight> of_some) {
    query::Query query = query_of(schema, cls, query::normalize(stated));
    put_text(identity_, query::canonical_bytes(query));
    put_fields(identity_, shown);
    std::set<std::size_t> asked;
    add_asked(query, asked);
    ClassView view{&cls, query, query::Evaluator(schema, query.predicate), {}, {shown}, stated, {}};
    for (const rules::Sight& sight : of_some) {
        const query::PredicatePtr of = query::normalize(sight.of);
        query::Query part = query_of(schema, cls, query::normalize(both(query.predicate, of)));
        put_text(identity_, query::canonical_bytes(part));
        put_fields(identity_, sight.fields);
        add_asked(part, asked);
        view.parts.push_back(
            {sight.of, std::move(part), query::Evaluator(schema, of), sight.fields});
        for (std::size_t i = 0, known = view.shown.size(); i < known; ++i)
            view.shown.push_back(view.shown[i] | sight.fields);
    }
    view.asked.assign(asked.begin(), asked.end());
    classes_.emplace(cls.name, std::move(view));
}

std::string View::bytes() const {
    std::string bytes;
    for (const auto& [name, cls] : classes_) {
        put_text(bytes, name);
        put_predicate(bytes, query_of(cls.query.schema, *cls.cls, cls.stated));
        put_fields(bytes, cls.shown.front());
        put_number(bytes, cls.parts.size());
        for (const PartOfClass& part : cls.parts) {
            put_predicate(bytes, query_of(cls.query.schema, *cls.cls, part.stated));
            put_fields(bytes, part.fields);
        }
    }
    return bytes;
}

const ClassView* View::find(std::string_view cls) const {
    const auto found = classes_.find(cls);
    return found == classes_.end() ? nullptr : &found->second;
}

Presence View::presence(const query::Image* object, query::Run& run) const {
    if (object == nullptr)
        return kAbsent;
    const ClassView* cls = find(object->cls->name);
    if (cls == nullptr || !cls->evaluator.matches(*object, run))
        return kOutside;
    std::size_t parts = 0;
    for (std::size_t i = 0; i < cls->parts.size(); ++i)
        if (cls->parts[i].evaluator.matches(*object, run))
            parts |= std::size_t{1} << i;
    return {true, &cls->shown[parts]};
}

bool is_shown_whole(const model::Class& cls, const Presence& presence) {
    const auto is_shown = [&](const model::Property& property) {
        return presence.shown->contains(property.name);
    };
    const std::ptrdiff_t keys = cls.has_key_property ? 1 : 0; // comes with every object
    return presence.is_inside() &&
           std::all_of(cls.properties.begin() + keys, cls.properties.end(), is_shown);
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
