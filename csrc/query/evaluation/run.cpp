#include "query/evaluation/run.hpp"

#include "query/evaluation/condition.hpp"

namespace realmsync::query {

namespace {

// Answers that took less are found again as fast as they are remembered.
constexpr std::uint64_t kDear = 64; // steps
// When it is used up, nothing more is remembered, and the limits of work hold alone. Enough for a
// hundred levels over a hundred thousand objects.
constexpr std::size_t kMaxMemory = 64 << 20;
constexpr std::size_t kMemoryOfObject = 256; // a name, its key and its place in tables

} // namespace

Run::~Run() = default;

bool Run::ask(const std::shared_ptr<const Condition>& predicate, const Image& object) {
    if (const std::optional<bool> known = recall(*predicate, object)) {
        spend(kLink);
        return *known;
    }
    const std::uint64_t before = work_.left();
    const bool answer = predicate->matches(object, *this);
    if (before - work_.left() >= kDear)
        remember(predicate, object, answer);
    return answer;
}

std::optional<bool> Run::recall(const Condition& predicate, const Image& object) const {
    if (answers_.empty() || object.cls->embedded())
        return std::nullopt;
    const auto about = answers_.find(&predicate);
    if (about == answers_.end())
        return std::nullopt;
    const auto number = numbers_.find({object.cls, object.key});
    const std::vector<std::uint8_t>& known = about->second.by_number;
    if (number == numbers_.end() || number->second >= known.size() || known[number->second] == 0)
        return std::nullopt;
    return known[number->second] == 2;
}

void Run::remember(const std::shared_ptr<const Condition>& predicate, const Image& object,
                   bool answer) {
    // Embedded objects have no name; they are not met but through the one that they are in.
    if (object.cls->embedded() || memory_ >= kMaxMemory)
        return;
    auto number = numbers_.find({object.cls, object.key});
    if (number == numbers_.end()) {
        const model::ObjectKey& key = keys_.emplace_back(object.key);
        memory_ += kMemoryOfObject + key.view().string.size();
        number = numbers_.emplace(Named{object.cls, key.view()}, numbers_.size()).first;
    }
    Answers& about = answers_[predicate.get()];
    about.predicate = predicate;
    if (about.by_number.size() <= number->second) {
        const std::size_t before = about.by_number.capacity();
        about.by_number.resize(number->second + 1);
        memory_ += about.by_number.capacity() - before;
    }
    about.by_number[number->second] = answer ? 2 : 1;
}

} // namespace realmsync::query
