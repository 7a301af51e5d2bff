// Names of an application for those of the schema (query-language.md section 7), and the variables
// of SUBQUERY (section 14), which stand for the object itself.
#include "query/binding/names.hpp"

namespace realmsync::query {

namespace {

constexpr int kMaxSubstitutions = 50;

using Substitutions = std::map<std::string, std::string, std::less<>>;

// `place` ends the message about a circle.
std::string substituted(const Substitutions& substitutions, std::string_view name,
                        const std::string& place, syntax::Position position) {
    std::string text(name);
    for (int done = 0;; ++done) {
        auto found = substitutions.find(text);
        if (found == substitutions.end())
            return text;
        if (done > kMaxSubstitutions)
            throw QueryFault(FaultKind::invalid_query,
                             "Substitution loop detected while processing '" + text + "' -> '" +
                                 found->second + "'" + place,
                             position);
        text = found->second;
    }
}

} // namespace

Names::Names(const KeyPathMapping* mapping) {
    if (!mapping)
        return;
    for (const KeyPathMapping::Renamed& renamed : mapping->properties)
        properties_[renamed.cls][renamed.property] = renamed.to;
    for (const KeyPathMapping::Alias& alias : mapping->classes)
        classes_[alias.alias] = alias.cls;
}

std::string Names::property(const model::Class& cls, std::string_view name,
                            syntax::Position position) const {
    auto found = properties_.find(cls.name);
    if (found == properties_.end())
        return std::string(name);
    return substituted(found->second, name, " found in type '" + cls.name + "'", position);
}

std::string Names::class_name(std::string_view name, syntax::Position position) const {
    return substituted(classes_, name, "", position);
}

bool Names::declare(const model::Class& cls, const std::string& variable) {
    return properties_[cls.name].emplace(variable, "").second;
}

void Names::forget(const model::Class& cls, const std::string& variable) {
    auto found = properties_.find(cls.name);
    found->second.erase(variable);
    if (found->second.empty())
        properties_.erase(found);
}

} // namespace realmsync::query
