#include "tables/rewrite_plan.hpp"

#include <algorithm>
#include <utility>

#include "tables/columns.hpp"

namespace realmsync::tables {

namespace {

bool same_definition(const model::Property& a, const model::Property& b) {
    return a.type == b.type && a.collection == b.collection && a.nullable == b.nullable &&
           a.target == b.target;
}

} // namespace

std::string old_rows(const model::Class& before) {
    return "main." + quote("rs$old " + before.table);
}

std::string new_keys(std::string_view cls) {
    return "temp." + quote("rs$keys " + std::string(cls));
}

RewritePlan::RewritePlan(model::SchemaPtr before, const Rewriting& what)
    : before_(std::move(before)), what_(what) {
    for (const auto& [name, cls] : before_->classes) {
        is_any_reidentified_ = is_any_reidentified_ || is_reidentified(name);
        if (is_changed(*cls) || is_reidentified(name))
            affected_.insert(name);
    }
    // Embedded objects lie in others, and so on.
    for (std::size_t known = ~affected_.size(); known != affected_.size();) {
        known = affected_.size();
        for (const auto& [name, cls] : before_->classes)
            if (std::ranges::any_of(cls->properties,
                                    [&](const model::Property& p) { return touches(p); }))
                affected_.insert(name);
    }
}

bool RewritePlan::has_rows_before(std::string_view cls) const {
    const model::Class* found = before().find(cls);
    return found != nullptr && !found->embedded();
}

bool RewritePlan::has_rows_after(std::string_view cls) const {
    const model::Class* found = after().find(cls);
    return found != nullptr && !found->embedded();
}

bool RewritePlan::is_rekeyed(std::string_view cls) const {
    if (!has_rows_before(cls) || !has_rows_after(cls))
        return false;
    const model::Class& was = *before().find(cls);
    const model::Class& is = *after().find(cls);
    return what_.keys.contains(std::string(cls)) || was.key_type != is.key_type ||
           was.key_nullable != is.key_nullable ||
           (is.has_key_property && was.key_name() != is.key_name());
}

bool RewritePlan::is_reidentified(std::string_view cls) const {
    return has_rows_before(cls) && (!has_rows_after(cls) || is_rekeyed(cls));
}

bool RewritePlan::is_changed(const model::Class& cls) const {
    const model::Class* now = after().find(cls.name);
    if (now == nullptr || now->kind != cls.kind)
        return true;
    return std::ranges::any_of(cls.properties, [&](const model::Property& p) {
        const std::size_t at = now->find(p.name);
        return at == model::Class::npos || !same_definition(now->properties[at], p) ||
               what_.former_names.contains({cls.name, p.name});
    });
}

// Whether it holds what is affected, or links to it.
bool RewritePlan::touches(const model::Property& property) const {
    if (property.type == kMixed)
        return is_any_reidentified_;
    return property.is_embedded() ? is_affected(property.target)
                                  : property.is_link() && is_reidentified(property.target);
}

const model::Property* RewritePlan::source(const model::Class& was, const model::Class& is,
                                           const model::Property& property) const {
    const auto renamed = what_.former_names.find({is.name, property.name});
    const std::size_t at =
        was.find(renamed == what_.former_names.end() ? property.name : renamed->second);
    if (at == model::Class::npos)
        return nullptr;
    const model::Property& found = was.properties[at];
    const bool keeps = found.type == property.type && found.collection == property.collection &&
                       found.target == property.target && (property.nullable || !found.nullable);
    return keeps ? &found : nullptr;
}

bool RewritePlan::is_deep(const model::Property& was) const {
    if (was.is_link() && was.collection == Collection::single)
        return !has_rows_after(was.target); // else it is a key
    return touches(was);
}

} // namespace realmsync::tables
