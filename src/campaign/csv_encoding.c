/*
 * Which encoding? Marks are certain. The guess converts a sample from each candidate and
 * asks how much it looks like words: letters of one script beside each other, small after
 * capital, frequent characters. The best one is named in the problem; a person decides.
 */
#include "csv_encoding.h"

#include <iconv.h>
#include <stdlib.h>

#define SAMPLE_MAX 16384u

const char *
pr_encoding_of_mark(const char *p, size_t n, size_t *mark)
{
	static const struct {
		const char *octets;
		size_t n;
		const char *name;
	} marks[] = {
	    {"\xEF\xBB\xBF", 3, "utf-8"},
	    {"\xFF\xFE\x00\x00", 4, "utf-32le"}, /* before utf-16le, whose mark begins alike */
	    {"\x00\x00\xFE\xFF", 4, "utf-32be"},
	    {"\xFF\xFE", 2, "utf-16le"},
	    {"\xFE\xFF", 2, "utf-16be"},
	    {"\x84\x31\x95\x33", 4, "gb18030"},
	};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (n >= marks[i].n && memcmp(p, marks[i].octets, marks[i].n) == 0) {
			*mark = marks[i].n;
			return marks[i].name;
		}
	return NULL;
}

const char *
pr_encoding_of_zeros(const char *p, size_t n)
{
	size_t zeros[2] = {0, 0};
	n = n > SAMPLE_MAX ? SAMPLE_MAX : n;
	for (size_t i = 0; i < n; i++)
		zeros[i & 1] += p[i] == 0;
	if (zeros[0] + zeros[1] < n / 5 || n < 4)
		return NULL;
	return zeros[1] > zeros[0] ? "utf-16le" : "utf-16be";
}

/* ---- what a character says ---- */

static bool
is_ascii_letter(uint32_t c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool
in(uint32_t c, uint32_t from, uint32_t to)
{
	return c >= from && c <= to;
}

/* Letters that European languages use beside ASCII. */
static bool
is_common_latin(uint32_t c)
{
	static const uint16_t letters[] = {
	    0xC4,  0xC5,  0xC6,  0xC7,  0xC9,  0xD6,  0xD8,  0xDC,  0xDF,  0xE0,  0xE1,  0xE2,
	    0xE3,  0xE4,  0xE5,  0xE6,  0xE7,  0xE8,  0xE9,  0xEA,  0xEB,  0xED,  0xEE,  0xEF,
	    0xF1,  0xF3,  0xF4,  0xF5,  0xF6,  0xF8,  0xF9,  0xFA,  0xFB,  0xFC,  0xFD,  0x105,
	    0x107, 0x10C, 0x10D, 0x10F, 0x111, 0x119, 0x11B, 0x11F, 0x130, 0x131, 0x141, 0x142,
	    0x144, 0x148, 0x151, 0x158, 0x159, 0x15A, 0x15B, 0x15E, 0x15F, 0x160, 0x161, 0x165,
	    0x16F, 0x171, 0x17A, 0x17B, 0x17C, 0x17D, 0x17E};
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
		if (letters[i] == c)
			return true;
	return false;
}

/* What texts and names hold most. Octets of Chinese read as Korean are syllables that no Korean
 * writes, and the other way round. */
/* clang-format off */
static const char frequent_han[] =
    "的一是不了人我在有他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着"
    "去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主"
    "行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二"
    "理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走"
    "电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市"
    "眼体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提"
    "感金何更反合放做系计或司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它"
    "许八特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元社术结六功指思非流每青"
    "管夫连远资队跟带花快条院变联言权往展该领传近留红治决周保达办运武半候七必城父强步"
    "完革深区即求品士转量空技轻程告江语英基派式李息写呢识极令黄德收脸钱党未持取设始版"
    "双历史商千片容研像找友孩站广改议形委早房音火际则首单据导影失拿网香似斯专石若兵弟"
    "谁校读志飞观争究包组造落视济喜离春季促销尊敬客户刘陈杨赵吴徐孙胡朱郭罗梁宋郑谢韩"
    "唐冯董萧曹袁邓傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田姜范姚谭廖邹熊陆郝孔"
    "崔康邱秦顾侯邵孟龙段雷汤尹易乔贺赖龚伟娜敏静丽芳燕洋勇艳杰娟涛超霞鹏州湖河川浙沪"
    "圳們個來時說國會對後過見學開關東車長門問馬電點現發經應當實業動無與從體機義樣還這"
    "進裡麼為兩陳張劉楊黃趙吳孫謝許鄭羅葉蘇鍾盧蔣區灣臺雄縣戶郎藤村井野木松佐鈴橋渡伊";
static const char frequent_hangul[] =
    "이다는을가에의고하지로한사은도서를기대나자시인리어그해정수아보일라부상전제만주있"
    "면과들장원안것구성오조신경여게세공유동스미관무선국모생소비문적우방교요위화산김철"
    "영희박최강임윤권황송류홍민준현진호석종연혜숙순옥남광용재승태형양배백허심노곽천회"
    "운드람말때녕계울니습당님객";
/* clang-format on */

static bool
is_frequent(uint32_t c, const char *among, size_t n)
{
	char text[4];
	size_t octets = pr_utf8_encode(c, text);
	return memmem(among, n, text, octets) != NULL;
}

/* An alphabet of its own: its letters stand beside each other, small ones after all. */
static int
weigh_alphabet(uint32_t c, uint32_t before, uint32_t first, uint32_t last, uint32_t small)
{
	bool beside = in(before, first, last);
	if (is_ascii_letter(before) || (c < small && beside && before >= small))
		return -3;
	return beside ? 3 : c < small ? 2 : 0; /* names begin with a capital */
}

/* -4 .. 4 for a character that is not ASCII, after the one before it. */
static int
weigh(uint32_t c, uint32_t before)
{
	if (in(c, 0x410, 0x44F))
		return weigh_alphabet(c, before, 0x410, 0x44F, 0x430);
	if (in(c, 0x391, 0x3CE))
		return weigh_alphabet(c, before, 0x386, 0x3CE, 0x3AC);
	if (in(c, 0x5D0, 0x5EA) || in(c, 0x621, 0x64A))
		return weigh_alphabet(c, before, 0x5D0, 0x64A, 0xFFFF); /* no capitals */
	if (is_common_latin(c))
		return is_ascii_letter(before) ? 3 : before < 0x80 ? 2 : 0;
	if (in(c, 0x3041, 0x30FE))
		return 4;
	if (in(c, 0xAC00, 0xD7A3))
		return is_frequent(c, frequent_hangul, sizeof frequent_hangul - 1) ? 4 : 1;
	if (in(c, 0x4E00, 0x9FFF))
		return is_frequent(c, frequent_han, sizeof frequent_han - 1) ? 4 : 1;
	if (in(c, 0x3000, 0x3002) || in(c, 0xFF01, 0xFF5E) || in(c, 0x2010, 0x2026))
		return 1;
	if (in(c, 0x80, 0x9F) || in(c, 0xE000, 0xF8FF) || in(c, 0xFF61, 0xFF9F))
		return -4;
	return -2;
}

/* ---- candidates ---- */

struct candidate {
	const char *name;
	/* Double-octet sets hold their frequent characters in a range of lead octets: what is
	 * outside counts less. 0: no such range. */
	unsigned char lead_from, lead_to;
	bool trail_high; /* frequent ones have a trail octet from A1 on */
};

static const struct candidate candidates[] = {
    {"gb18030", 0xB0, 0xD7, true}, {"shift_jis", 0x82, 0x97, false}, {"euc-jp", 0xA4, 0xCF, true},
    {"euc-kr", 0xB0, 0xC8, true},  {"big5", 0xA4, 0xC6, false},      {"windows-1252", 0, 0, false},
    {"windows-1250", 0, 0, false}, {"windows-1251", 0, 0, false},    {"windows-1253", 0, 0, false},
    {"windows-1254", 0, 0, false}, {"windows-1255", 0, 0, false},    {"windows-1256", 0, 0, false},
    {"koi8-r", 0, 0, false},
};

/* Share of characters of two octets that are among the frequent ones, in percent. */
static int
frequent(const struct candidate *c, struct pr_str s)
{
	int all = 0, good = 0;
	for (size_t i = 0; i + 1 < s.n; i++) {
		unsigned char a = (unsigned char)s.p[i], b = (unsigned char)s.p[i + 1];
		if (a < 0x81)
			continue;
		all++;
		good += a >= c->lead_from && a <= c->lead_to && (!c->trail_high || b >= 0xA1);
		i++;
	}
	return all ? good * 100 / all : 0;
}

static int
score_text(struct pr_str text)
{
	int64_t sum = 0;
	int n = 0;
	uint32_t before = ' ', c;
	for (size_t i = 0, len; i < text.n; i += len, before = c) {
		len = pr_utf8_decode(text.p + i, text.n - i, &c);
		if (len == 0)
			break;
		if (c < 0x80)
			continue;
		sum += weigh(c, before);
		n++;
	}
	return n ? (int)(sum * 100 / n) : -1000;
}

/* In hundredths; -1000: the sample is not of this encoding. */
static int
score(const struct candidate *candidate, struct pr_str sample)
{
	iconv_t how = iconv_open("utf-8", candidate->name);
	if (how == (iconv_t)-1)
		return -1000;
	size_t room = sample.n * 4 + 16, left = sample.n, space = room;
	char *text = malloc(room), *to = text, *from = (char *)(uintptr_t)sample.p;
	size_t r = text ? iconv(how, &from, &left, &to, &space) : (size_t)-1;
	iconv_close(how);
	int points = -1000;
	if (r != (size_t)-1 || (text && left < 4)) /* the sample may end inside a character */
		points = score_text(pr_str_n(text, room - space));
	free(text);
	if (candidate->lead_from && points > -1000)
		points = points * frequent(candidate, sample) / 100;
	return points;
}

const char *
pr_encoding_guess(struct pr_str sample)
{
	const char *best = NULL;
	int most = 40; /* less is noise */
	sample.n = sample.n > SAMPLE_MAX ? SAMPLE_MAX : sample.n;
	for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
		int points = score(&candidates[i], sample);
		if (points > most) {
			most = points;
			best = candidates[i].name;
		}
	}
	return best;
}
