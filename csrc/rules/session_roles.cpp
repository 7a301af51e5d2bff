#include "rules/session_roles.hpp"

#include <atomic>
#include <optional>
#include <string_view>
#include <utility>

#include "rules/fault.hpp"
#include "rules/meaning.hpp"

namespace realmsync::rules {

namespace {

const Role& all_of_everything() {
    static const Expression kAlways(model::Value(true), Use::filter);
    static const Role kRole{kAlways, kAlways, true, true, {}, {}, {}, {}};
    return kRole;
}

void append(std::string& bytes, std::string_view part) {
    bytes += std::to_string(part.size());
    bytes += ' ';
    bytes += part;
}

char flags(const std::optional<bool>& read, const std::optional<bool>& write) {
    return static_cast<char>('0' + (read.value_or(false) ? 1 : 0) +
                             (write.value_or(false) ? 2 : 0));
}

// What a role comes to for one user. Throws ExpressionFault when that is too large.
std::string role_bytes(const Role& role, const Context& context) {
    std::string bytes;
    append(bytes, meaning(role.read_filter, context));
    append(bytes, meaning(role.write_filter, context));
    for (const auto* filter : {&role.insert, &role.erase})
        append(bytes, *filter ? meaning(**filter, context) : std::string());
    bytes += flags(role.read, role.write);
    bytes += flags(role.additional_fields.read, role.additional_fields.write);
    for (const auto& [name, right] : role.fields) {
        append(bytes, name);
        bytes += flags(right.read, right.write);
    }
    return bytes;
}

} // namespace

SessionRoles::SessionRoles(RolesByClass roles, std::shared_ptr<const Context> context,
                           Extent extent)
    : roles_(std::move(roles)), context_(std::move(context)), extent_(extent) {
    set_identity();
}

SessionRoles::SessionRoles(Extent extent)
    : context_(std::make_shared<const Context>()), extent_(extent), has_all_(true),
      identity_(extent == Extent::all ? "*" : "*r") {}

std::shared_ptr<const SessionRoles> SessionRoles::everything(Extent extent) {
    return std::shared_ptr<const SessionRoles>(new SessionRoles(extent));
}

// Roles first, each once: thousands of classes may have the default one.
void SessionRoles::set_identity() {
    std::map<const Role*, std::optional<std::string>> bytes_of;
    std::map<std::string_view, std::size_t> known;
    std::string distinct, classes;
    for (auto at = roles_.begin(); at != roles_.end();) {
        const Role* role = at->second.get();
        if (role == nullptr) {
            at = roles_.erase(at);
            continue;
        }
        const auto [found, is_new] = bytes_of.try_emplace(role);
        try {
            if (is_new)
                found->second = role_bytes(*role, *context_);
        } catch (const ExpressionFault&) {
        }
        if (!found->second) {
            too_large_.push_back(at->first);
            at = roles_.erase(at);
            continue;
        }
        const auto [number, is_distinct] = known.try_emplace(*found->second, known.size());
        if (is_distinct)
            append(distinct, *found->second);
        append(classes, at->first);
        append(classes, std::to_string(number->second));
        ++at;
    }
    identity_ = extent_ == Extent::all ? "a" : "r";
    append(identity_, classes);
    identity_ += distinct;
}

const Role* SessionRoles::role_in(const std::string& cls) const {
    if (has_all_)
        return &all_of_everything();
    const auto found = roles_.find(cls);
    return found == roles_.end() ? nullptr : found->second.get();
}

RightsByClass SessionRoles::rights(const model::SchemaPtr& schema) const {
    std::shared_ptr<const Answer> answer = std::atomic_load(&last_);
    if (answer == nullptr || answer->schema != schema) {
        answer = std::make_shared<const Answer>(Answer{schema, rights_now(schema)});
        std::atomic_store(&last_, answer);
    }
    return answer->rights;
}

RightsByClass SessionRoles::rights_now(const model::SchemaPtr& schema) const {
    RightsByClass rights;
    for (const auto& [name, cls] : schema->classes) {
        const Role* role = cls->kind == TableKind::embedded ? nullptr : role_in(name);
        if (role == nullptr)
            continue;
        try {
            rights.emplace(
                name, std::make_shared<const ClassRights>(role, *context_, schema, *cls, extent_));
        } catch (const ExpressionFault&) { // of filters that are too large in this class alone
        }
    }
    return rights;
}

} // namespace realmsync::rules
