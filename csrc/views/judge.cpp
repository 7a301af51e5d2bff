#include "views/judge.hpp"

#include "model/value.hpp"

namespace realmsync::views {

namespace {

std::string key_text(const Key& key) {
    switch (key.type) {
    case Type::string: return "\"" + std::string(key.string) + "\"";
    case Type::object_id: return "ObjectID(\"" + model::to_text(key) + "\")";
    case Type::uuid: return "UUID(" + model::to_text(key) + ")";
    default: return model::to_text(key);
    }
}

} // namespace

// An update may move an object out of the subscriptions, an insertion may not be outside of them.
std::optional<Rejection> Judge::before(const ObjectWrite& write) const {
    if (rights == nullptr)
        return Rejection::not_allowed;
    if (write.before == nullptr)
        return std::nullopt;
    if (!view.presence(write.before, run).is_inside())
        return rights->on(*write.before, run).is_visible ? Rejection::outside
                                                         : Rejection::not_allowed;
    if (write.erases && !rights->may_delete(*write.before, run))
        return Rejection::not_allowed;
    return std::nullopt;
}

std::optional<Rejection> Judge::after(const ObjectWrite& write, const query::Image* after) const {
    if (after == nullptr)
        return std::nullopt;
    if (rights == nullptr)
        return Rejection::not_allowed;
    const bool is_new = write.before == nullptr || write.erases;
    if (!is_new)
        return rights->may_update(*write.before, *after, write.changed, run)
                   ? std::nullopt
                   : std::optional(Rejection::not_allowed);
    if (!rights->may_insert(*after, run))
        return Rejection::not_allowed;
    if (after->cls->kind != TableKind::asymmetric && !view.presence(after, run).is_inside())
        return rights->on(*after, run).is_visible ? Rejection::outside : Rejection::not_allowed;
    return std::nullopt;
}

std::string text_of(Rejection rejection, std::string_view cls, const Key& key) {
    std::string text =
        "write to " + key_text(key) + " in table \"" + std::string(cls) + "\" not allowed";
    if (rejection == Rejection::outside)
        text += "; object is outside of the current query view";
    return text;
}

} // namespace realmsync::views
