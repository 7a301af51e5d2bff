#include "rules/session_roles.hpp"

#include <atomic>
#include <optional>
#include <string_view>
#include <utility>

#include "rules/fault.hpp"
#include "rules/meaning.hpp"

namespace realmsync::rules {

namespace {

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

// Different roles by number, each written once: thousands of classes may have the default one.
class Numbering {
  public:
    explicit Numbering(const Context& context) : context_(context) {}

    // None: it is too large for this user.
    std::optional<std::size_t> number(const RolePtr& role) {
        const auto [found, is_new] = of_role_.try_emplace(role);
        if (is_new)
            try {
                const std::string bytes = role_bytes(*role, context_);
                const auto [known, is_other] = of_bytes_.try_emplace(bytes, of_bytes_.size());
                if (is_other)
                    append(written_, bytes);
                found->second = known->second;
            } catch (const ExpressionFault&) { // stays without
            }
        return found->second;
    }
    const std::string& written() const { return written_; }

  private:
    const Context& context_;
    std::map<RolePtr, std::optional<std::size_t>> of_role_;
    std::map<std::string, std::size_t> of_bytes_;
    std::string written_;
};

} // namespace

SessionRoles::SessionRoles(RolesByClass roles, RolePtr otherwise,
                           std::shared_ptr<const Context> context, Extent extent)
    : roles_(std::move(roles)), otherwise_(std::move(otherwise)), context_(std::move(context)),
      extent_(extent) {
    set_identity();
}

std::shared_ptr<const SessionRoles> SessionRoles::everything(Extent extent) {
    static const Expression kAlways(model::Value(true), Use::filter);
    static const RolePtr kRole =
        std::make_shared<const Role>(Role{kAlways, kAlways, true, true, {}, {}, {}, {}});
    static const auto kNobody = std::make_shared<const Context>();
    return std::make_shared<const SessionRoles>(RolesByClass(), kRole, kNobody, extent);
}

// A class that has the role of all others is not named: it gives the same before it is known.
void SessionRoles::set_identity() {
    Numbering numbering(*context_);
    const auto number = [&](const std::string& cls, RolePtr& role) {
        const auto found = role == nullptr ? std::nullopt : numbering.number(role);
        if (role != nullptr && !found)
            too_large_.push_back(cls);
        if (!found)
            role = nullptr;
        return found;
    };
    identity_ = extent_ == Extent::all ? "a" : "r";
    const auto write = [&](const std::string& cls, std::optional<std::size_t> role) {
        append(identity_, cls);
        append(identity_, role ? std::to_string(*role) : "-");
    };
    const auto of_others = number("", otherwise_);
    write("", of_others);
    for (auto& [cls, role] : roles_)
        if (const auto own = number(cls, role); own != of_others)
            write(cls, own);
    identity_ += numbering.written();
}

// Two threads may make the same at once, and one of them is forgotten.
std::shared_ptr<const ClassRights> SessionRoles::rights(const model::SchemaPtr& schema,
                                                        const std::string& cls) const {
    const std::shared_ptr<const Made> known = std::atomic_load(&made_);
    const bool is_same = known != nullptr && known->schema == schema;
    if (is_same)
        if (const auto found = known->rights.find(cls); found != known->rights.end())
            return found->second;
    Made more{schema, {}};
    if (is_same)
        more.rights = known->rights;
    std::shared_ptr<const ClassRights> rights = made(schema, cls);
    more.rights.emplace(cls, rights);
    std::atomic_store(&made_, std::make_shared<const Made>(std::move(more)));
    return rights;
}

std::shared_ptr<const ClassRights> SessionRoles::made(const model::SchemaPtr& schema,
                                                      const std::string& name) const {
    const model::Class* cls = schema->find(name);
    const auto found = roles_.find(name);
    const RolePtr& role = found == roles_.end() ? otherwise_ : found->second;
    if (role == nullptr || cls == nullptr || cls->kind == TableKind::embedded)
        return nullptr;
    try {
        return std::make_shared<const ClassRights>(role.get(), *context_, schema, *cls, extent_);
    } catch (const ExpressionFault&) { // of filters that are too large in this class alone
        return nullptr;
    }
}

} // namespace realmsync::rules
