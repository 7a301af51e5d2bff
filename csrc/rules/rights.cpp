#include "rules/rights.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "query/tree/normal_form.hpp"
#include "query/tree/tree.hpp"
#include "rules/filter.hpp"
#include "rules/predicates.hpp"

namespace realmsync::rules {

namespace {

bool has_any(const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), true) != flags.end();
}

bool has_all(const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), false) == flags.end();
}

// Whether an object with these rights is more than a key that one may know.
bool gives_sight(const std::vector<bool>& flags, const model::Class& cls) {
    const std::size_t keys = cls.has_key_property ? 1 : 0;
    return has_all(flags) || std::find(flags.begin() + static_cast<std::ptrdiff_t>(keys),
                                       flags.end(), true) != flags.end();
}

void add(std::vector<bool>& flags, const std::vector<bool>& more) {
    std::transform(flags.begin(), flags.end(), more.begin(), flags.begin(), std::logical_or<>());
}

// On which a role gives the right.
Fields fields_of(const Role& role, const std::optional<bool>& of_all,
                 std::optional<bool> FieldRight::* right) {
    const bool is_usual = of_all.value_or(false) || (role.additional_fields.*right).value_or(false);
    Fields::Names others;
    for (const auto& [name, of_field] : role.fields)
        if ((of_all.value_or(false) || (of_field.*right).value_or(false)) != is_usual)
            others.insert(name);
    return is_usual ? Fields::all_but(std::move(others)) : Fields::only(std::move(others));
}

bool is_said(const query::Predicate& predicate, bool value) {
    const auto* truth = std::get_if<query::Truth>(&predicate.of);
    return truth != nullptr && truth->value == value;
}

} // namespace

ClassRights::ClassRights(const Role* role, const Context& context, model::SchemaPtr schema,
                         const model::Class& cls, Extent extent)
    : schema_(std::move(schema)), cls_(&cls), readable_(cls.properties.size()),
      writable_(cls.properties.size()), seen_by_writers_(cls.properties.size()) {
    static const Expression kAlways(model::Value(true), Use::filter);
    auto given = [](const std::optional<Expression>& of) { return of ? &*of : &kAlways; };
    Fields read, written;
    if (role != nullptr) {
        read = fields_of(*role, role->read, &FieldRight::read);
        written = fields_of(*role, role->write, &FieldRight::write);
    }
    set_fields(read, written, extent);
    read_ = filter(role == nullptr ? nullptr : &role->read_filter, context);
    write_ = filter(role == nullptr ? nullptr : &role->write_filter, context);
    insert_ = filter(role == nullptr ? nullptr : given(role->insert), context);
    erase_ = filter(role == nullptr ? nullptr : given(role->erase), context);
    if (write_.bytes == read_.bytes)
        write_ = read_;
    set_view(read, written);
    set_identity();
}

// Null: nothing matches.
ClassRights::Filter ClassRights::filter(const Expression* expression,
                                        const Context& context) const {
    Filter made;
    made.predicate = expression == nullptr ? truth(false) : expand(*expression, context, *cls_);
    query::Query query;
    query.schema = schema_;
    query.cls = cls_;
    query.predicate = made.predicate;
    made.bytes = query::canonical_bytes(query);
    made.evaluator = std::make_shared<const query::Evaluator>(schema_, made.predicate);
    return made;
}

void ClassRights::set_fields(const Fields& read, const Fields& written, Extent extent) {
    for (std::size_t i = 0; i < cls_->properties.size(); ++i) {
        readable_[i] = read.contains(cls_->properties[i].name);
        seen_by_writers_[i] = written.contains(cls_->properties[i].name);
    }
    if (extent == Extent::all) {
        writable_ = seen_by_writers_;
        writes_all_ = has_all(writable_);
    }
}

// Write implies read.
void ClassRights::set_view(const Fields& read, const Fields& written) {
    std::vector<Sight> sights;
    if (gives_sight(readable_, *cls_))
        sights.push_back({read_.predicate, read});
    if (gives_sight(seen_by_writers_, *cls_)) {
        if (!sights.empty() && write_.evaluator == read_.evaluator)
            sights.front().fields = read | written;
        else
            sights.push_back({write_.predicate, written});
    }
    std::erase_if(sights, [](const Sight& sight) { return is_said(*sight.of, false); });
    std::vector<query::PredicatePtr> seen;
    seen.reserve(sights.size());
    for (const Sight& sight : sights)
        seen.push_back(sight.of);
    view_ = any_of(std::move(seen));
    set_shown(std::move(sights));
}

void ClassRights::set_shown(std::vector<Sight> sights) {
    if (!sights.empty())
        shown_ = sights.front().fields & sights.back().fields;
    for (const Sight& sight : sights)
        if (is_said(*sight.of, true))
            shown_ = shown_ | sight.fields;
    std::erase_if(sights, [this](const Sight& sight) { return (shown_ | sight.fields) == shown_; });
    shown_of_some_ = std::move(sights);
}

void ClassRights::set_identity() {
    for (const Filter* part : {&read_, &write_, &insert_, &erase_}) {
        const auto size = static_cast<std::uint64_t>(part->bytes.size());
        for (int shift = 56; shift >= 0; shift -= 8)
            identity_ += static_cast<char>(size >> shift & 0xff);
        identity_ += part->bytes;
    }
    for (std::size_t i = 0; i < readable_.size(); ++i)
        if (readable_[i] || seen_by_writers_[i])
            identity_ += cls_->properties[i].name + (readable_[i] ? '\1' : '\0') +
                         (writable_[i]          ? '\1'
                          : seen_by_writers_[i] ? '\2'
                                                : '\0');
}

bool ClassRights::asks(const Filter& filter, const query::Image& object, query::Run& run) {
    return filter.evaluator->matches(object, run);
}

ObjectRights ClassRights::on(const query::Image& object, query::Run& run) const {
    ObjectRights rights;
    rights.readable.resize(readable_.size());
    rights.writable.resize(writable_.size());
    const bool is_read = has_any(readable_) && asks(read_, object, run);
    const bool is_written =
        has_any(seen_by_writers_) &&
        (write_.evaluator == read_.evaluator && has_any(readable_) ? is_read
                                                                   : asks(write_, object, run));
    if (is_read)
        add(rights.readable, readable_);
    if (is_written) {
        add(rights.readable, seen_by_writers_);
        rights.writable = writable_;
        rights.insert = writes_all_ && asks(insert_, object, run);
        rights.erase = writes_all_ && asks(erase_, object, run);
    }
    rights.is_visible = gives_sight(rights.readable, *cls_) && !rights.readable.empty();
    if (!rights.is_visible)
        rights.readable.assign(readable_.size(), false);
    else if (cls_->has_key_property)
        rights.readable[0] = true;
    return rights;
}

bool ClassRights::writes(const query::Image& object, query::Run& run) const {
    return writes_all_ && asks(write_, object, run);
}

bool ClassRights::may_insert(const query::Image& after, query::Run& run) const {
    return writes(after, run) && asks(insert_, after, run);
}

bool ClassRights::may_update(const query::Image& before, const query::Image& after,
                             std::span<const std::size_t> changed, query::Run& run) const {
    auto is_writable = [this](std::size_t property) { return writable_.at(property); };
    return has_any(writable_) && std::all_of(changed.begin(), changed.end(), is_writable) &&
           asks(write_, before, run) && asks(write_, after, run);
}

bool ClassRights::may_delete(const query::Image& before, query::Run& run) const {
    return writes(before, run) && asks(erase_, before, run);
}

} // namespace realmsync::rules
